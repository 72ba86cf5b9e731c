//! Regular expressions of the schemas, in the subset that RE2 and ECMAScript share.

/// An absolute http or https URL without user info, blanks or fragment.
pub(super) const URL: &str = r"^https?://[^/?#@\s]+([/?][^#\s]*)?$";

/// Scheme, host and port of a URL, nothing behind them.
pub(super) const ENDPOINT: &str = r"^https?://[^/?#@\s]+$";

/// A host name, an IP address (IPv6 in brackets), or `*.` and a host name.
pub(super) const HOST: &str = r"^(\[[0-9a-fA-F:.]+\]|(\*\.)?[^/?#@:*\[\]\s\\%]+)$";

/// A duration such as `10m`, `1h30m` or `1.5s`. With at most [`DURATION_MAX`] characters no value overflows what
/// CEL's `duration()` can hold (some 292 years).
pub(super) const DURATION: &str = r"^([0-9]{1,6}(\.[0-9]{1,6})?(ms|s|m|h))+$";

/// Longest text of a duration.
pub(super) const DURATION_MAX: u32 = 16;

/// The name of a Secret, a `ConfigMap` or one of our objects: an RFC 1123 subdomain.
pub(super) const OBJECT_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// The name of a namespace: an RFC 1123 label.
pub(super) const NAMESPACE: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

/// A key in the data of a Secret or a `ConfigMap`.
pub(super) const DATA_KEY: &str = r"^[-._a-zA-Z0-9]+$";

/// Visible ASCII without spaces: events, ids, names of fields.
pub(super) const VISIBLE: &str = r"^[!-~]+$";

/// Visible ASCII with spaces inside, none at the ends: what may be a header's value.
pub(super) const HEADER_VALUE: &str = r"^[!-~]([ -~]*[!-~])?$";

/// An RFC 9110 token: what may be a header's name.
pub(super) const HEADER_NAME: &str = r"^[-!#$%&'*+.^_`|~0-9A-Za-z]+$";

/// A UUID in its usual spelling.
pub(super) const UUID: &str = r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$";

/// Text on one line, without control characters and without blanks at the ends.
pub(super) const LINE: &str = r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$";
