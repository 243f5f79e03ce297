//! The trace id that connects the log lines of one request, from API Gateway through the queue.

/// The trace of a request. Of the header `X-Amzn-Trace-Id` only the known fields are kept and passed
/// on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    root: String,
    rest: String,
}

impl Trace {
    /// Reads a header: `Root=1-5759e988-bd862e3fe1be46a994272793`, and `Parent` and `Sampled` behind.
    pub fn parse(header: &str) -> Option<Self> {
        let part = |name: &str| {
            header.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let hex = |text: &str, length| {
            text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit())
        };
        let root = part("Root")?;
        let (version, ids) = root.split_once('-')?;
        let (seconds, id) = ids.split_once('-')?;
        if version != "1" || !hex(seconds, 8) || !hex(id, 24) {
            return None;
        }
        let mut rest = String::new();
        if let Some(parent) = part("Parent").filter(|parent| hex(parent, 16)) {
            rest.push_str(";Parent=");
            rest.push_str(parent);
        }
        if let Some(sampled) = part("Sampled").filter(|it| matches!(*it, "0" | "1")) {
            rest.push_str(";Sampled=");
            rest.push_str(sampled);
        }
        Some(Self { root: root.to_owned(), rest })
    }

    /// The trace's id: the same in every function that the request passes.
    pub fn id(&self) -> &str {
        &self.root
    }

    /// The header.
    pub fn header(&self) -> String {
        format!("Root={}{}", self.root, self.rest)
    }
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

    #[test]
    fn only_the_known_fields_of_a_header_are_kept() {
        let whole = format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=1");
        let trace = Trace::parse(&whole).unwrap();
        assert_eq!(trace.id(), "1-5759e988-bd862e3fe1be46a994272793");
        assert_eq!(trace.header(), whole);
        let odd = format!("Self=x; {ROOT};Parent=nonsense;Sampled=maybe;Lineage=a:0|b:1\r\n");
        assert_eq!(Trace::parse(&odd).unwrap().header(), ROOT);
        for none in ["", "Root=", "Root=2-5759e988-bd862e3fe1be46a994272793", "Root=1-x-y", "x"] {
            assert_eq!(Trace::parse(none), None, "{none}");
        }
    }

    #[test]
    fn a_header_that_is_read_is_written_short_and_plain_and_is_read_back() {
        const WHOLE: &str =
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        const WORDS: [&str; 6] =
            [WHOLE, ROOT, ";Parent=", "Root=1-5759e988-", ";Sampled=0", "\r\nx: y"];
        fuzz(|choices| {
            let header = choices.text(&WORDS) + &choices.text(&WORDS);
            let Some(trace) = Trace::parse(&header) else { return };
            let written = trace.header();
            assert!(written.len() <= WHOLE.len(), "{written}");
            assert!(written.bytes().all(|b| b.is_ascii_alphanumeric() || b"-=;".contains(&b)));
            assert_eq!(Trace::parse(&written), Some(trace), "{written}");
        });
    }
}
