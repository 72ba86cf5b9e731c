//! What a span is made of.

use operator_core::names::ObjectName;

/// Which span, of which trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ids {
    /// The trace: all that one turn did.
    pub trace: [u8; 16],
    /// The span.
    pub span: [u8; 8],
}

/// What may stand in a span. Nothing else can: no URL, no answer, no id and no value of a Secret has a way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A word of this program.
    Word(&'static str),
    /// A number.
    Number(i64),
    /// A name of an object or a namespace.
    Name(Name),
}

/// A name of an object or a namespace; made by [`Value::name`] and [`Value::namespace`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(std::sync::Arc<str>);

impl Name {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value {
    /// The name of an object without its namespace.
    pub fn name(object: &ObjectName) -> Self {
        Self::Name(Name(object.name.clone()))
    }

    /// The namespace of an object, where it has one.
    pub fn namespace(object: &ObjectName) -> Option<Self> {
        let namespace = &object.namespace;
        (!namespace.is_empty()).then(|| Self::Name(Name(namespace.clone())))
    }
}

/// On which side of a request a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// On none.
    Internal,
    /// On that of who asks.
    Client,
}

/// A span that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Which one.
    pub ids: Ids,
    /// The span that it is a part of.
    pub parent: Option<[u8; 8]>,
    /// What was done.
    pub name: &'static str,
    /// On which side of a request.
    pub role: Role,
    /// In nanoseconds since 1970.
    pub began: u64,
    /// In nanoseconds since 1970.
    pub ended: u64,
    /// By name.
    pub attributes: Vec<(&'static str, Value)>,
    /// Whether it failed.
    pub failed: bool,
}
