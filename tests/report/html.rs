//! A strict reader of pages: it takes less than a browser does, so that what it takes is sound.

/// Elements that have no end.
const VOID: [&str; 4] = ["br", "hr", "meta", "wbr"];

#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    /// The `id` of the section around it, or none.
    pub(crate) section: String,
    /// The text in it, blanks at the ends aside.
    pub(crate) text: String,
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let attribute = self.attributes.iter().find(|(key, _)| key == name);
        attribute.map(|(_, value)| &**value)
    }
}

/// Reads a page into its elements, in the order in which they begin.
///
/// Panics unless it is well-formed: tags balanced, attributes quoted and given once, `id`s unique,
/// nothing unescaped.
#[track_caller]
pub(crate) fn read(page: &str) -> Vec<Element> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a document type");
    let mut elements: Vec<Element> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    while !rest.is_empty() {
        let (text, tag) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
        let text = unescaped(text);
        for &index in &open {
            elements[index].text += &text;
        }
        assert!(!open.is_empty() || text.trim().is_empty(), "text outside of the page: {text}");
        if tag.is_empty() {
            break;
        }
        let (inside, after) = tag[1..].split_once('>').expect("a tag ends");
        rest = after;
        if let Some(name) = inside.strip_prefix('/') {
            let index = open.pop().expect("an element to end");
            assert_eq!(name, elements[index].name, "before {}", &after[..after.len().min(80)]);
            continue;
        }
        let (inside, is_closed) =
            inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let (name, attributes) = inside.split_once(' ').unwrap_or((inside, ""));
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "<{name}");
        let attributes = read_attributes(attributes);
        let own = attributes.iter().find(|(key, _)| key == "id").map(|(_, id)| id.clone());
        let around = open.last().map(|&index| elements[index].section.clone());
        let section =
            if name == "section" { own.expect("an id") } else { around.unwrap_or_default() };
        let element = Element { name: name.to_owned(), attributes, section, text: String::new() };
        elements.push(element);
        if name == "style" {
            let (text, after) = rest.split_once("</style>").expect("an end");
            assert!(!text.contains(['<', '&']), "{text}");
            text.clone_into(&mut elements.last_mut().expect("pushed").text);
            rest = after;
        } else if !is_closed && !VOID.contains(&name) {
            open.push(elements.len() - 1);
        }
    }
    assert!(open.is_empty(), "not ended: {:?}", elements[open[0]].name);
    let mut ids: Vec<_> = elements.iter().filter_map(|it| it.attribute("id")).collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    for element in &mut elements {
        element.text = element.text.trim().to_owned();
    }
    elements
}

fn read_attributes(text: &str) -> Vec<(String, String)> {
    let mut attributes: Vec<(String, String)> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").expect("a quoted value");
        let (value, after) = value.split_once('"').expect("the end of a value");
        assert!(
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b':')
        );
        assert!(after.is_empty() || after.starts_with(' '), "{after}");
        assert!(attributes.iter().all(|(other, _)| other != name), "{name} is given twice");
        attributes.push((name.to_owned(), unescaped(value)));
        rest = after.trim_start();
    }
    attributes
}

/// Gives the text of what is escaped.
fn unescaped(text: &str) -> String {
    let mut result = String::new();
    for (index, piece) in text.split('&').enumerate() {
        assert!(!piece.contains(['<', '>']), "not escaped: {piece}");
        if index == 0 {
            result += piece;
            continue;
        }
        let (name, after) = piece.split_once(';').expect("an entity ends");
        result += match name {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            _ => panic!("an unknown entity: {name}"),
        };
        result += after;
    }
    result
}

#[test]
fn a_page_that_is_not_well_formed_is_noticed() {
    let of = |body: &str| format!("<!DOCTYPE html><html>{body}</html>");
    let elements = read(&of("<section id=\"a\"><p class=\"b\">1 &lt; 2</p><br></section>"));
    assert_eq!((&*elements[2].text, &*elements[2].section), ("1 < 2", "a"));
    for body in [
        "<p>",
        "</p>",
        "<p><b></p></b>",
        "<p class=b></p>",
        "<p class=\"b\" class=\"c\"></p>",
        "<p id=\"b\"></p><p id=\"b\"></p>",
        "a & b",
        "&copy;",
        "1 > 2",
        "<section></section>",
        "<p a=\"<\"></p>",
    ] {
        assert!(std::panic::catch_unwind(|| read(&of(body))).is_err(), "{body}");
    }
}
