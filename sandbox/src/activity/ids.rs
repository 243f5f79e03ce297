//! Finds ids in a text.

/// An id of the gateway: 32 hexadecimal digits.
const OURS: usize = 32;
/// An id of Mono's: 24 hexadecimal digits.
const MONOS: usize = 24;
/// A reference at VTpass: a date and time of 12 digits, then the purchase's id.
const DATED: usize = 12 + OURS;

/// The ids in a text, each once, in their order.
pub fn ids(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        let id = match word.len() {
            OURS | MONOS => word,
            DATED => &word[DATED - OURS..],
            _ => continue,
        };
        let is_id = id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if is_id && !found.iter().any(|it| it == id) {
            found.push(id.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_between_other_text() {
        let purchase = "fee424495bd69fe3b05ce1b22aa8f21e";
        let text = format!(
            r#"/purchases/{purchase} {{"request_id":"202611251441{purchase}","amount":"10000",
            "account":"5f171a530295e231abca1153","phone":"08011111111"}}"#
        );
        assert_eq!(ids(&text), [purchase, "5f171a530295e231abca1153"]);
    }

    #[test]
    fn words_of_other_forms_are_no_ids() {
        for text in ["", "FEE424495BD69FE3B05CE1B22AA8F21E", &"a".repeat(33), &"g".repeat(32)] {
            assert!(ids(text).is_empty(), "{text}");
        }
    }
}
