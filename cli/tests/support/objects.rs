//! The BPF objects of the kernel, to show that a run left none behind.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::netns::run;

/// The ids of all programs, maps and links, as bpftool lists them.
pub(crate) struct Objects {
    ids: BTreeSet<(&'static str, u64)>,
}

impl Objects {
    pub(crate) fn now() -> Self {
        let ids = ["prog", "map", "link"].into_iter().flat_map(|kind| listed(kind).map(move |object| (kind, object.id)));
        Self { ids: ids.collect() }
    }

    /// What is new since and held by no living process: descriptions, empty if nothing was left.
    ///
    /// The kernel frees objects some time after their last user is gone, and other programs come and go: whatever
    /// vanishes or has a holder is no leak.
    pub(crate) fn left_behind(&self) -> Vec<String> {
        let since = Instant::now();
        loop {
            let left = self.new_without_holder();
            if left.is_empty() || since.elapsed() > Duration::from_secs(20) {
                return left;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn new_without_holder(&self) -> Vec<String> {
        let held = held_by_processes();
        let mut left = Vec::new();
        for kind in ["prog", "map", "link"] {
            let new = listed(kind).filter(|object| !self.ids.contains(&(kind, object.id)));
            let abandoned = new.filter(|object| !object.keys(kind).any(|key| held.contains(&key)));
            left.extend(abandoned.map(|object| format!("{kind} {}", object.description)));
        }
        left
    }
}

struct Object {
    id: u64,
    maps: Vec<u64>,
    description: String,
}

impl Object {
    /// Itself, and the maps it uses: a socket filter lives by its socket, but its maps have a holder.
    fn keys(&self, kind: &'static str) -> impl Iterator<Item = (&'static str, u64)> {
        [(kind, self.id)].into_iter().chain(self.maps.iter().map(|&map| ("map", map)))
    }
}

fn listed(kind: &'static str) -> impl Iterator<Item = Object> {
    let output = run(Command::new("bpftool").args(["-j", kind, "show"]));
    let Ok(Value::Array(objects)) = serde_json::from_slice(&output.stdout) else {
        panic!("bpftool {kind} show gives a list");
    };
    objects.into_iter().map(|object| Object {
        id: object["id"].as_u64().expect("an object has an id"),
        maps: object["map_ids"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect(),
        description: object.to_string(),
    })
}

/// What any process has a descriptor of.
fn held_by_processes() -> BTreeSet<(&'static str, u64)> {
    let processes = std::fs::read_dir("/proc").expect("/proc is there").flatten();
    let infos = processes.filter_map(|process| std::fs::read_dir(process.path().join("fdinfo")).ok()).flatten().flatten();
    let texts = infos.filter_map(|info| std::fs::read_to_string(info.path()).ok());
    texts.flat_map(|text| text.lines().filter_map(held).collect::<Vec<_>>()).collect()
}

fn held(line: &str) -> Option<(&'static str, u64)> {
    let (key, id) = line.split_once(':')?;
    let kind = match key {
        "prog_id" => "prog",
        "map_id" => "map",
        "link_id" => "link",
        _ => return None,
    };
    Some((kind, id.trim().parse().ok()?))
}
