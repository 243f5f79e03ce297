//! Turns bytes into inputs for parsers. Where the bytes end, every choice is the first one, so an
//! empty input is the first sample, unchanged.

use serde_json::Value;

/// How deep the JSON is that a choice adds to a sample.
const MAX_DEPTH: u8 = 3;
/// Numbers in the forms that JSON has.
const NUMBERS: [&str; 16] = [
    "0",
    "1",
    "-1",
    "100",
    "100.0",
    "100.00",
    "99.995",
    "0.5",
    "-0",
    "1e2",
    "1E-400",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890",
    "8031234567",
];
/// Texts that need care: control characters, quotes, other scripts, long ones.
const TEXTS: [&str; 12] = [
    "",
    " ",
    "a",
    "0",
    "null",
    "\"",
    "\\u0000",
    "\u{0}",
    "\u{feff}",
    "٠٨٠٣",
    "a\r\nb",
    "0123456789012345678901234567890123456789012345678901234567890123456789",
];

/// The choices that an input stands for, one byte each.
#[derive(Debug)]
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// The choices of an input.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte; zero at the end.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number of eight bytes.
    pub fn number(&mut self) -> u64 {
        u64::from_be_bytes([(); 8].map(|()| self.byte()))
    }

    /// Whether something happens: about once in `times`, never at the end of the input.
    pub fn once_in(&mut self, times: u8) -> bool {
        self.byte() % times == times - 1
    }

    /// One of `all`.
    pub fn pick<'b, T>(&mut self, all: &'b [T]) -> &'b T {
        &all[usize::from(self.byte()) % all.len()]
    }

    /// A text: most often one of `words`, sometimes one that needs care, sometimes any.
    pub fn text(&mut self, words: &[&str]) -> String {
        match self.byte() % 8 {
            0..=4 if !words.is_empty() => (*self.pick(words)).to_owned(),
            0..=5 => (*self.pick(&TEXTS)).to_owned(),
            6 => {
                let mut text = (*self.pick(words)).to_owned();
                let at = usize::from(self.byte()) % (text.chars().count() + 1);
                let at = text.char_indices().nth(at).map_or(text.len(), |(at, _)| at);
                text.insert(at, char::from(self.byte()));
                text
            }
            _ => String::from_utf8_lossy(self.some_bytes()).into_owned(),
        }
    }

    /// A body: one of the samples with a few changes, or text that is cut off, or any bytes.
    /// `words` are the texts that may take the place of others.
    pub fn body(&mut self, samples: &[&str], words: &[&str]) -> Vec<u8> {
        match self.byte() % 16 {
            0..=12 => self.json(samples, words).into_bytes(),
            13 => {
                let mut text = self.json(samples, words).into_bytes();
                text.truncate(self.place_in(&text));
                text
            }
            14 => {
                let mut text = self.json(samples, words).into_bytes();
                let at = self.place_in(&text);
                text.insert(at, self.byte());
                text
            }
            _ => std::mem::take(&mut self.0).to_vec(),
        }
    }

    /// JSON: one of the samples with a few changes.
    ///
    /// # Panics
    /// When a sample is not JSON.
    pub fn json(&mut self, samples: &[&str], words: &[&str]) -> String {
        let sample = self.pick(samples);
        let sample = serde_json::from_str(sample).expect("a sample is JSON");
        self.changed(&sample, words)
    }

    /// A number, a text, a list or an object, up to a depth.
    fn any_json(&mut self, words: &[&str], depth: u8) -> String {
        match self.byte() % 10 {
            0 => "null".to_owned(),
            1 => (*self.pick(&["true", "false"])).to_owned(),
            2 | 3 => (*self.pick(&NUMBERS)).to_owned(),
            4 => self.number().to_string(),
            5 if depth < MAX_DEPTH => {
                let items: Vec<_> =
                    (0..self.byte() % 3).map(|_| self.any_json(words, depth + 1)).collect();
                format!("[{}]", items.join(","))
            }
            6 if depth < MAX_DEPTH => {
                let pair = |it: &mut Self| {
                    let name = it.text(words);
                    format!("{}:{}", quoted(&name), it.any_json(words, depth + 1))
                };
                let pairs: Vec<_> = (0..self.byte() % 3).map(|_| pair(self)).collect();
                format!("{{{}}}", pairs.join(","))
            }
            _ => quoted(&self.text(words)),
        }
    }

    /// A value with a few changes, as text. Each field may be replaced, left out or written twice.
    fn changed(&mut self, value: &Value, words: &[&str]) -> String {
        if self.once_in(12) {
            return self.any_json(words, 0);
        }
        match value {
            Value::Object(fields) => {
                let mut pairs = Vec::new();
                for (name, value) in fields {
                    let times = if self.once_in(10) { *self.pick(&[0, 2]) } else { 1 };
                    for _ in 0..times {
                        pairs.push(format!("{}:{}", quoted(name), self.changed(value, words)));
                    }
                }
                if self.once_in(16) {
                    let name = self.text(words);
                    pairs.push(format!("{}:{}", quoted(&name), self.any_json(words, 1)));
                }
                format!("{{{}}}", pairs.join(","))
            }
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| self.changed(item, words)).collect();
                format!("[{}]", items.join(","))
            }
            Value::String(_) if self.once_in(6) => quoted(&self.text(words)),
            Value::Number(_) if self.once_in(6) => (*self.pick(&NUMBERS)).to_owned(),
            other => other.to_string(),
        }
    }

    /// Up to 31 of the next bytes.
    fn some_bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte() % 32).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn place_in(&mut self, text: &[u8]) -> usize {
        (usize::from(self.byte()) << 8 | usize::from(self.byte())) % (text.len() + 1)
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"{"a":[1,{"b":"c"}],"d":null}"#;

    #[test]
    fn an_empty_input_is_the_first_sample() {
        assert_eq!(Choices::new(&[]).body(&[SAMPLE, "1"], &["w"]), SAMPLE.as_bytes());
        assert_eq!(Choices::new(&[]).text(&["w", "v"]), "w");
    }

    #[test]
    fn most_inputs_are_json_and_many_are_changed() {
        let mut random = 1_u64;
        let (mut json, mut unchanged) = (0, 0);
        for _ in 0..1_000 {
            let mut bytes = [0; 128];
            for byte in &mut bytes {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = random.to_be_bytes()[0];
            }
            let body = Choices::new(&bytes).body(&[SAMPLE], &["w"]);
            json += u32::from(serde_json::from_slice::<Value>(&body).is_ok());
            unchanged += u32::from(body == SAMPLE.as_bytes());
        }
        assert!(
            (600..1_000).contains(&json) && (50..700).contains(&unchanged),
            "{json} {unchanged}"
        );
    }
}
