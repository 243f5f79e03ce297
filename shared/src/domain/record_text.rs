//! Reads free text that an operator gives for the record: a reason, a name, a label.

/// Trims a text and checks that it is one line of 1 to `max` characters.
///
/// # Errors
/// What is wrong with it, for the usage message.
pub fn record_text(text: &str, max: usize) -> Result<String, String> {
    let text = text.trim();
    if !(1..=max).contains(&text.chars().count()) {
        return Err(format!("must be 1 to {max} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters".to_owned());
    }
    Ok(text.to_owned())
}
