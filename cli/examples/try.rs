fn main() {
    let s = ehl::probe::sock_http::Settings { interfaces: vec![], ports: vec![], networks: vec![], ring_bytes: 8 << 20, measure: true };
    let t = std::time::Instant::now();
    let mut a = match ehl::probe::sock_http::attach(&s) {
        Ok(a) => a,
        Err(e) => {
            println!("{e}");
            return;
        }
    };
    println!("attached {:?}", t.elapsed());
    for _ in 0..std::env::args().nth(1).map_or(500, |x| x.parse().unwrap()) {
        std::thread::sleep(std::time::Duration::from_millis(10));
        a.records.drain(100000, |r| {
            let (h, b) = ehl_probes_common::record::decode(r).unwrap();
            println!(
                "{} {}->{} seq {} ack {} cov {} flags {:x} tcp {:x} {:?}",
                h.time_ns,
                h.source_port,
                h.destination_port,
                h.sequence,
                h.acknowledgement,
                h.payload_len,
                h.flags,
                h.tcp_flags,
                String::from_utf8_lossy(&b[..b.len().min(60)])
            );
        });
    }
    println!("{:?} {:?}", a.counters.read(), a.programs.cost());
}
