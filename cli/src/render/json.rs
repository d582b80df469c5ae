//! One JSON document, with one row per line so that it can be compared and searched.
//!
//! It names its end before its rows, so it is always written from collected rows.

use std::io::{self, BufWriter, Write};

use super::json_value::{keys, push_accounting, push_next, push_row, push_run, push_string, push_strings, push_time, push_unseen};
use super::text::Clock;
use super::{BUFFER_BYTES, Cell, Counts, Renderer, Rows, Run, Schema, Summary};

/// Writes collected rows as one document.
pub(super) struct Document {
    schema: Schema,
    keys: Vec<Vec<u8>>,
    out: BufWriter<Box<dyn Write>>,
    clock: Clock,
    text: Vec<u8>,
    rows: u64,
}

impl Document {
    pub(super) fn new(schema: Schema, out: Box<dyn Write>) -> Self {
        let keys = keys(&schema);
        let out = BufWriter::with_capacity(BUFFER_BYTES, out);
        Self { schema, keys, out, clock: Clock::new(), text: Vec::new(), rows: 0 }
    }

    fn write(&mut self) -> io::Result<()> {
        self.out.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }
}

impl Renderer for Document {
    /// Nothing is written before the end is known; what stands first is put together here.
    fn start(&mut self, run: &Run) -> io::Result<()> {
        self.text.push(b'{');
        push_run(&mut self.text, &mut self.clock, &self.schema, run);
        Ok(())
    }

    fn collected(&mut self, summary: &Summary, _rows: &Rows) -> io::Result<()> {
        push_next(&mut self.text, "ended_at", |out| {
            push_time(out, &mut self.clock, summary.ended_at_ns);
        });
        push_next(&mut self.text, "stop_reason", |out| {
            push_string(out, summary.stop_reason.as_str());
        });
        push_next(&mut self.text, "rows", |out| out.push(b'['));
        self.write()
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.text.extend_from_slice(if self.rows == 0 { b"\n{" } else { b",\n{" });
        push_row(&mut self.text, &mut self.clock, &self.keys, cells);
        self.text.push(b'}');
        self.rows += 1;
        self.write()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.text.extend_from_slice(if self.rows == 0 { b"]" } else { b"\n]" });
        let counts = self.counts();
        push_next(&mut self.text, "accounting", |out| {
            push_accounting(out, &summary.accounting, counts);
        });
        if !summary.sentences.is_empty() {
            push_next(&mut self.text, "sentences", |out| push_strings(out, &summary.sentences));
        }
        if let Some(unseen) = &summary.unseen {
            push_next(&mut self.text, "unseen", |out| push_unseen(out, unseen));
        }
        self.text.extend_from_slice(b"}\n");
        self.write()?;
        self.flush()
    }

    fn counts(&self) -> Counts {
        Counts { rows: self.rows, beyond_max: 0, failed: 0 }
    }
}

#[cfg(test)]
mod tests {
    use crate::render::testing::{Printed, hostile_rows, hostile_schema, print, row, run, schema, summary};
    use crate::render::{Format, NotHttp, Options, ProbeCost, StopReason};

    #[test]
    fn one_document_says_it_all() {
        let rows = [row(b"/v1/chat", 200, 12_345_000), row(b"/", 0, 0)];
        let printed = print(Format::Json, &schema(), &Options::default(), &rows);
        assert_eq!(
            printed,
            r#"{"schema":"ehl.test/1","tool":{"name":"ehl","version":"0.0.0"},"host":"web-1","kernel":"6.12.0","probe":"sock-http","attached":["eth0","lo"],"started_at":"2026-01-02T03:04:05.000000Z","ended_at":"2026-01-02T03:04:15.000000Z","stop_reason":"signal","rows":[
{"time":"2026-01-02T03:04:05.123456Z","src":"10.0.0.1","path":"/v1/chat","status":200,"response_time_ms":12.345,"flags":[]},
{"time":"2026-01-02T03:04:05.123456Z","src":"10.0.0.1","path":"/","status":null,"response_time_ms":null,"flags":["open","gap"]}
],"accounting":{"events":7,"lost":2,"duplicates":0,"truncated":0,"undecodable":0,"filtered":0,"unpaired_requests":0,"unpaired_responses":0,"rows":2,"submitted":5,"exchanges":3,"rows_beyond_max":0,"evicted":0,"untracked":0,"out_of_step":0,"fragments":0,"unknown_fields":0,"not_http":{"tls":0,"proxy":0,"other":0}}}
"#
        );
    }

    #[test]
    fn a_document_without_rows_is_complete_when_the_run_failed() {
        let printed = Printed::default();
        let mut renderer = printed.renderer(Format::Json, &Options::default());
        renderer.start(&run()).expect("start");
        assert_eq!(printed.text(), "");
        let mut summary = summary();
        summary.stop_reason = StopReason::Failed;
        summary.accounting.not_http = NotHttp { tls: 1, proxy: 3, other: 4 };
        summary.accounting.probe_cost = Some(ProbeCost { run_count: 5, run_time_ns: 6 });
        renderer.finish(&summary).expect("finish");
        assert_eq!(
            printed.text(),
            r#"{"schema":"ehl.test/1","tool":{"name":"ehl","version":"0.0.0"},"host":"web-1","kernel":"6.12.0","probe":"sock-http","attached":["eth0","lo"],"started_at":"2026-01-02T03:04:05.000000Z","ended_at":"2026-01-02T03:04:15.000000Z","stop_reason":"failed","rows":[],"accounting":{"events":7,"lost":2,"duplicates":0,"truncated":0,"undecodable":0,"filtered":0,"unpaired_requests":0,"unpaired_responses":0,"rows":0,"submitted":5,"exchanges":3,"rows_beyond_max":0,"evicted":0,"untracked":0,"out_of_step":0,"fragments":0,"unknown_fields":0,"not_http":{"tls":1,"proxy":3,"other":4},"run_count":5,"run_time_ns":6}}
"#
        );
        serde_json::from_str::<serde_json::Value>(&printed.text()).expect("valid JSON");
    }

    #[test]
    fn what_the_wire_sent_is_escaped_without_loss() {
        let options = Options { columns: Some(vec![1]), ..Options::default() };
        let printed = print(Format::Json, &hostile_schema(), &options, &hostile_rows());
        let rows: Vec<&str> = printed.lines().filter(|line| line.starts_with(r#"{"value""#)).collect();
        assert_eq!(
            rows.join("\n"),
            r#"{"value":"\u001b]0;owned\u0007"},
{"value":"=cmd|' /C calc'!A0"},
{"value":"a\u0000b"},
{"value":"user\u202egpj.exe"},
{"value":{"base64":"//7DKA=="}},
{"value":"x\r\nSet-Cookie: y"},
{"value":"say \"hi\", \\ bye"},
{"value":"\u009b31m"},
{"value":"日本＝語"}"#
        );
    }
}
