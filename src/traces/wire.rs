//! Spans as OTLP wants them: `ExportTraceServiceRequest` of `opentelemetry.proto.collector.trace.v1`, in the encoding of
//! Protocol Buffers. The numbers are those of the fields in its `.proto` files, version 1, which are stable. Pure.

use super::span::{Role, Span, Value};

/// How a field is written.
const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;

/// Who sends: attributes of the process. Words of this program, and the pod's name.
pub(super) type Resource<'a> = &'a [(&'static str, &'a str)];

/// A message that is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push((value & 0x7f) as u8);
    }

    fn tag(&mut self, field: u8, form: u8) {
        self.varint(u64::from(field) << 3 | u64::from(form));
    }

    fn number(&mut self, field: u8, value: u64) {
        self.tag(field, VARINT);
        self.varint(value);
    }

    fn fixed(&mut self, field: u8, value: u64) {
        self.tag(field, FIXED64);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn bytes(&mut self, field: u8, value: &[u8]) {
        self.tag(field, BYTES);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    fn message(&mut self, field: u8, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(field, &inner.0);
    }

    /// `KeyValue`.
    fn attribute(&mut self, field: u8, key: &str, value: impl FnOnce(&mut Self)) {
        self.message(field, |pair| {
            pair.bytes(1, key.as_bytes());
            pair.message(2, value);
        });
    }
}

/// A request that exports these spans, which a program of this name and version made.
pub(super) fn request(resource: Resource<'_>, (name, version): (&str, &str), spans: &[Span]) -> Vec<u8> {
    let mut request = Message::default();
    request.message(1, |of_resource| {
        of_resource.message(1, |attributes| {
            for (key, value) in resource {
                attributes.attribute(1, key, |any| any.bytes(1, value.as_bytes()));
            }
        });
        of_resource.message(2, |of_scope| {
            of_scope.message(1, |scope| {
                scope.bytes(1, name.as_bytes());
                scope.bytes(2, version.as_bytes());
            });
            for span in spans {
                of_scope.message(2, |message| write(message, span));
            }
        });
    });
    request.0
}

/// `Span`.
fn write(message: &mut Message, span: &Span) {
    message.bytes(1, &span.ids.trace);
    message.bytes(2, &span.ids.span);
    if let Some(parent) = &span.parent {
        message.bytes(4, parent);
    }
    message.bytes(5, span.name.as_bytes());
    message.number(
        6,
        match span.role {
            Role::Internal => 1,
            Role::Client => 3,
        },
    );
    message.fixed(7, span.began);
    message.fixed(8, span.ended);
    for (key, value) in &span.attributes {
        message.attribute(9, key, |any| match value {
            Value::Word(word) => any.bytes(1, word.as_bytes()),
            Value::Name(name) => any.bytes(1, name.as_str().as_bytes()),
            // Of a negative number the two's complement is written.
            Value::Number(number) => any.number(3, number.cast_unsigned()),
        });
    }
    // What went well says nothing: that is for who looks at it to decide.
    if span.failed {
        message.message(15, |status| status.number(3, 2));
    }
}
