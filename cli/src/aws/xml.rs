//! Reads the XML of AWS's older services as JSON, so that one form serves for all answers.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value};

/// How deep elements may lie in each other. AWS's answers stay below ten.
const MAX_DEPTH: usize = 32;

/// An element that is being read.
#[derive(Default)]
struct Open {
    name: String,
    text: String,
    children: Vec<(String, Value)>,
}

impl Open {
    /// The element as a value: a list if its children are called `member`, else an object, else its text.
    fn closed(self) -> (String, Value) {
        let is_list = !self.children.is_empty() && self.children.iter().all(|it| it.0 == "member");
        let value = match (is_list, self.children.is_empty()) {
            (true, _) => self.children.into_iter().map(|(_, value)| value).collect(),
            (false, false) => Value::Object(self.children.into_iter().collect::<Map<_, _>>()),
            (false, true) if self.text.trim().is_empty() => Value::Null,
            (false, true) => Value::String(self.text),
        };
        (self.name, value)
    }
}

/// The content of the document's only element; `None` when it is not XML. An empty list is null.
pub fn read(text: &str) -> Option<Value> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Open> = vec![Open::default()];
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if open.len() <= MAX_DEPTH => {
                let name = String::from_utf8(start.local_name().as_ref().to_vec()).ok()?;
                open.push(Open { name, ..Open::default() });
            }
            Event::Start(_) => return None,
            Event::Empty(empty) => {
                let name = String::from_utf8(empty.local_name().as_ref().to_vec()).ok()?;
                open.last_mut()?.children.push((name, Value::Null));
            }
            Event::Text(part) => open.last_mut()?.text += &part.decode().ok()?,
            Event::CData(part) => open.last_mut()?.text += &part.decode().ok()?,
            Event::GeneralRef(reference) => {
                let name = reference.decode().ok()?;
                let character = reference.resolve_char_ref().ok()?;
                let named = quick_xml::escape::resolve_predefined_entity(&name);
                let text = character.map(String::from).or_else(|| named.map(str::to_owned));
                open.last_mut()?.text += &text?;
            }
            Event::End(_) => {
                let closed = open.pop().filter(|_| !open.is_empty())?.closed();
                open.last_mut()?.children.push(closed);
            }
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => {}
        }
    }
    let document = open.pop().filter(|_| open.is_empty())?;
    let [(_, content)] = <[_; 1]>::try_from(document.children).ok()?;
    Some(content)
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_become_objects_lists_and_text() {
        let text = "<?xml version=\"1.0\"?><A xmlns=\"x\"><R><L><member><N>a &amp; b</N></member>\
                    <member><N>&#65;</N><E/></member></L><None></None></R></A>";
        let read = read(text).unwrap();
        let list = json!([{ "N": "a & b" }, { "N": "A", "E": null }]);
        assert_eq!(read, json!({ "R": { "L": list, "None": null } }));
    }

    #[test]
    fn what_is_not_one_whole_element_is_not_read() {
        for text in ["", "text", "<A>", "</A>", "<A></B>", "<A/><B/>", "<A>&unknown;</A>"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&"<A>".repeat(10_000)), None);
    }

    #[test]
    fn any_text_is_read_or_is_not() {
        const WORDS: [&str; 9] =
            ["<A>", "</A>", "<member>", "</member>", "<B/>", "x", "<![CDATA[", "&#x41;", "<!--"];
        fuzz(|choices| {
            let parts = usize::from(choices.byte() % 24);
            let text: String = (0..parts).map(|_| choices.text(&WORDS)).collect();
            let (whole, inner) = (format!("<R>{text}</R>"), read(&text));
            // What is a whole element is one inside another, too.
            if let Some(inner) = inner.filter(|inner| inner.is_string()) {
                let outer = read(&whole).unwrap();
                let outer =
                    outer.as_object().and_then(|outer| outer.values().next()).or(outer.get(0));
                assert_eq!(outer, Some(&inner), "{whole}");
            }
        });
    }
}
