//! Free text that an operator gives for the record.

/// Reads words for the record: something, trimmed, of `max` characters at most, on one line.
pub fn words(text: &str, max: usize) -> Result<String, String> {
    let text = text.trim();
    if !(1..=max).contains(&text.chars().count()) {
        return Err(format!("must be 1 to {max} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("must hold no control characters".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_trimmed_and_bounded() {
        assert_eq!(words("  seen in the books \n", 500).unwrap(), "seen in the books");
        assert_eq!(words(&"é".repeat(500), 500).unwrap().chars().count(), 500);
        for bad in ["", "  ", "two\nlines", "\u{1b}[2J!", &"a".repeat(501)] {
            assert!(words(bad, 500).is_err(), "{bad:?}");
        }
    }
}
