//! Delivery headers as one object, in which some providers show the authorization beside the others.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use operator_core::settings::{Authorization, Headers};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::Hidden;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An object of headers, in the order of the answer.
#[derive(Default)]
pub(in crate::provider) struct HeaderList(pub(in crate::provider) Vec<(String, Hidden)>);

impl<'de> Deserialize<'de> for HeaderList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = HeaderList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HeaderList, A::Error> {
                let mut list: Vec<(String, Hidden)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Hidden>()? {
                    if list.iter().any(|(known, _)| *known == name) {
                        return Err(A::Error::custom("a header is there twice"));
                    }
                    list.push((name, value));
                }
                Ok(HeaderList(list))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// How a provider authenticates, or its text where that is another scheme than ours.
pub(in crate::provider) type ReadAuthorization = Result<Authorization, SecretString>;

impl HeaderList {
    /// Parts the authorization from the others.
    pub(in crate::provider) fn split(self) -> (ReadAuthorization, Headers) {
        let mut authorization = Vec::new();
        let mut headers = Headers::new();
        for (name, Hidden(value)) in self.0 {
            if is_authorization(&name) {
                authorization.push(value);
                continue;
            }
            // Spelt twice in different case: one field with a list of values (RFC 9110, section 5.3).
            let name = name.to_ascii_lowercase();
            let value = match headers.get(&name) {
                Some(first) => format!("{}, {}", first.expose_secret(), value.expose_secret()).into(),
                None => value,
            };
            headers.insert(name, value);
        }
        (read_authorization(&authorization), headers)
    }
}

/// Whether a header of that name is the authorization.
pub(in crate::provider) fn is_authorization(name: &str) -> bool {
    name.eq_ignore_ascii_case("authorization")
}

/// The scheme and credential of an `Authorization` header.
fn read_authorization(values: &[SecretString]) -> ReadAuthorization {
    let text = match values {
        [] => return Ok(Authorization::None),
        [one] => one.expose_secret(),
        several => {
            let several: Vec<_> = several.iter().map(ExposeSecret::expose_secret).collect();
            return Err(several.join("\n").into());
        }
    };
    let (scheme, credential) = text.split_once(' ').unwrap_or((text, ""));
    let parsed = match scheme.to_ascii_lowercase().as_str() {
        "" => Some(Authorization::None),
        "basic" => basic(credential.trim()),
        "bearer" => Some(Authorization::Bearer(credential.trim().into())),
        _ => None,
    };
    parsed.ok_or_else(|| text.into())
}

fn basic(credential: &str) -> Option<Authorization> {
    let pair = String::from_utf8(BASE64.decode(credential).ok()?).ok()?;
    let (username, password) = pair.split_once(':')?;
    Some(Authorization::Basic {
        username: username.into(),
        password: password.into(),
    })
}
