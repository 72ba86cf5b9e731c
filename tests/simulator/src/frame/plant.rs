//! A text that answers carry where a client has no reason to look, so that a test can tell whether the client
//! repeats what it was answered.

use crate::frame::body::{Content, JSON, Reply};
use bytes::Bytes;
use serde_json::Value;

/// The undocumented member, and the undocumented header.
const MEMBER: &str = "debugInfo";

/// Puts `text` into a reply of a provider: as a header, and into the body.
pub(crate) fn plant(mut reply: Reply, text: &str) -> Reply {
    reply.debug = Some(text.to_owned());
    let Content::Whole(body) = &reply.content else {
        return reply;
    };
    let planted = match serde_json::from_slice(body) {
        Ok(mut value) => {
            plant_objects(&mut value, text);
            Bytes::from(value.to_string())
        }
        // A page; an empty body and half a JSON text stay what they are.
        Err(_) if reply.content_type != JSON && !body.is_empty() => {
            Bytes::from([body, b"<!-- ".as_slice(), text.as_bytes(), b" -->"].concat())
        }
        Err(_) => return reply,
    };
    reply.content = Content::Whole(planted);
    reply
}

/// A list that would be made while it is sent, in memory as a whole.
pub(crate) fn gather(mut reply: Reply) -> Reply {
    if matches!(reply.content, Content::Pieces(_)) {
        reply.content = Content::Whole(reply.content.collect());
    }
    reply
}

/// The answer, what it wraps, and the elements of a list; what is deeper may be a map whose members mean something.
/// An object without members stays so: at Babel it says something.
fn plant_objects(value: &mut Value, text: &str) {
    let Value::Object(members) = value else { return };
    for member in members.values_mut() {
        match member {
            Value::Object(inner) if !inner.is_empty() => drop(inner.insert(MEMBER.to_owned(), text.into())),
            Value::Array(elements) => {
                for element in elements.iter_mut().filter_map(Value::as_object_mut) {
                    element.insert(MEMBER.to_owned(), text.into());
                }
            }
            _ => {}
        }
    }
    if !members.is_empty() {
        members.insert(MEMBER.to_owned(), text.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;
    use serde_json::json;

    fn planted(reply: Reply) -> String {
        let reply = plant(reply, "canary");
        assert_eq!(reply.debug.as_deref(), Some("canary"));
        String::from_utf8(reply.content.collect().to_vec()).unwrap()
    }

    #[test]
    fn objects_that_are_answered_carry_it_and_maps_inside_do_not() {
        let answer = json!({"data": [{"id": 1, "headers": {"a": "b"}}], "empty": {}});
        let expected = json!({"data": [{"id": 1, "headers": {"a": "b"}, "debugInfo": "canary"}], "empty": {},
            "debugInfo": "canary"});
        assert_eq!(
            planted(Reply::json(StatusCode::OK, &answer)),
            expected.to_string()
        );
        assert_eq!(planted(Reply::json(StatusCode::OK, &json!({}))), "{}");
    }

    #[test]
    fn a_page_carries_it_and_half_a_text_stays() {
        let mut page = Reply::new(StatusCode::OK, Content::Whole(Bytes::from_static(b"<p>")));
        page.content_type = "text/html";
        assert_eq!(planted(page), "<p><!-- canary -->");
        let half = Reply::new(StatusCode::OK, Content::Whole(Bytes::from_static(b"{\"da")));
        assert_eq!(planted(half), "{\"da");
    }
}
