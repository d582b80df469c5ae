//! JSON records, one per line, each with its `type`: `start` as soon as the probe is attached, `row`, `summary`.

use std::io::{self, BufWriter, Write};

use super::json_value::{keys, push_accounting, push_next, push_row, push_run, push_string, push_strings, push_time, push_unseen};
use super::text::Clock;
use super::{BUFFER_BYTES, Cell, Counts, Renderer, Run, Schema, Summary};

/// Streams rows as records.
pub(super) struct Records {
    schema: Schema,
    keys: Vec<Vec<u8>>,
    out: BufWriter<Box<dyn Write>>,
    clock: Clock,
    line: Vec<u8>,
    rows: u64,
}

impl Records {
    pub(super) fn new(schema: Schema, out: Box<dyn Write>) -> Self {
        let keys = keys(&schema);
        let out = BufWriter::with_capacity(BUFFER_BYTES, out);
        Self { schema, keys, out, clock: Clock::new(), line: Vec::new(), rows: 0 }
    }

    fn write_line(&mut self) -> io::Result<()> {
        self.line.extend_from_slice(b"}\n");
        self.out.write_all(&self.line)?;
        self.line.clear();
        Ok(())
    }
}

impl Renderer for Records {
    fn start(&mut self, run: &Run) -> io::Result<()> {
        self.line.extend_from_slice(b"{\"type\":\"start\",");
        push_run(&mut self.line, &mut self.clock, &self.schema, run);
        self.write_line()?;
        self.flush()
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.line.extend_from_slice(b"{\"type\":\"row\",");
        push_row(&mut self.line, &mut self.clock, &self.keys, cells);
        self.rows += 1;
        self.write_line()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.line.extend_from_slice(b"{\"type\":\"summary\"");
        push_next(&mut self.line, "ended_at", |out| {
            push_time(out, &mut self.clock, summary.ended_at_ns);
        });
        push_next(&mut self.line, "stop_reason", |out| {
            push_string(out, summary.stop_reason.as_str());
        });
        let counts = self.counts();
        push_next(&mut self.line, "accounting", |out| {
            push_accounting(out, &summary.accounting, counts);
        });
        if !summary.sentences.is_empty() {
            push_next(&mut self.line, "sentences", |out| push_strings(out, &summary.sentences));
        }
        if let Some(unseen) = &summary.unseen {
            push_next(&mut self.line, "unseen", |out| push_unseen(out, unseen));
        }
        self.write_line()?;
        self.flush()
    }

    fn counts(&self) -> Counts {
        Counts { rows: self.rows, beyond_max: 0, failed: 0 }
    }
}

#[cfg(test)]
mod tests {
    use crate::render::testing::{Printed, hostile_rows, hostile_schema, print, row, run, schema, summary};
    use crate::render::{Format, Options};

    #[test]
    fn the_start_record_is_there_as_soon_as_the_probe_is_attached() {
        let printed = Printed::default();
        let mut renderer = printed.renderer(Format::Ndjson, &Options::default());
        renderer.start(&run()).expect("start");
        assert_eq!(
            printed.text(),
            r#"{"type":"start","schema":"ehl.test/1","tool":{"name":"ehl","version":"0.0.0"},"host":"web-1","kernel":"6.12.0","probe":"sock-http","attached":["eth0","lo"],"started_at":"2026-01-02T03:04:05.000000Z"}
"#
        );
        renderer.row(&row(b"/", 200, 1)).expect("row");
        renderer.flush().expect("flush");
        assert_eq!(printed.text().lines().count(), 2);
        renderer.finish(&summary()).expect("finish");
        assert_eq!(printed.text().lines().count(), 3);
    }

    #[test]
    fn records_are_typed_and_the_summary_counts_the_rows_that_were_written() {
        let rows = [row(b"/v1/chat", 200, 12_345_000), row(b"/", 0, 0)];
        assert_eq!(
            print(Format::Ndjson, &schema(), &Options::default(), &rows),
            r#"{"type":"start","schema":"ehl.test/1","tool":{"name":"ehl","version":"0.0.0"},"host":"web-1","kernel":"6.12.0","probe":"sock-http","attached":["eth0","lo"],"started_at":"2026-01-02T03:04:05.000000Z"}
{"type":"row","time":"2026-01-02T03:04:05.123456Z","src":"10.0.0.1","path":"/v1/chat","status":200,"response_time_ms":12.345,"flags":[]}
{"type":"row","time":"2026-01-02T03:04:05.123456Z","src":"10.0.0.1","path":"/","status":null,"response_time_ms":null,"flags":["open","gap"]}
{"type":"summary","ended_at":"2026-01-02T03:04:15.000000Z","stop_reason":"signal","accounting":{"events":7,"lost":2,"duplicates":0,"truncated":0,"undecodable":0,"filtered":0,"unpaired_requests":0,"unpaired_responses":0,"rows":2,"submitted":5,"exchanges":3,"rows_beyond_max":0,"evicted":0,"untracked":0,"out_of_step":0,"fragments":0,"unknown_fields":0,"not_http":{"tls":0,"proxy":0,"other":0}}}
"#
        );
    }

    #[test]
    fn what_the_wire_sent_is_escaped_without_loss() {
        let printed = print(Format::Ndjson, &hostile_schema(), &Options::default(), &hostile_rows());
        let rows: Vec<&str> = printed.lines().filter(|line| line.contains(r#""type":"row""#)).collect();
        assert_eq!(
            rows.join("\n"),
            r#"{"type":"row","name":"title","value":"\u001b]0;owned\u0007"}
{"type":"row","name":"formula","value":"=cmd|' /C calc'!A0"}
{"type":"row","name":"nul","value":"a\u0000b"}
{"type":"row","name":"bidi","value":"user\u202egpj.exe"}
{"type":"row","name":"invalid","value":{"base64":"//7DKA=="}}
{"type":"row","name":"crlf","value":"x\r\nSet-Cookie: y"}
{"type":"row","name":"quotes","value":"say \"hi\", \\ bye"}
{"type":"row","name":"c1","value":"\u009b31m"}
{"type":"row","name":"wide","value":"日本＝語"}"#
        );
    }
}
