//! Renders the `CustomResourceDefinitions` of all kinds, as users install them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Value, json};

use crate::api::v1alpha1::{ClusterWebhookProvider, WebhookProvider, WebhookSubscription};

/// Why the CRDs could not be rendered or written.
#[derive(Debug, thiserror::Error)]
pub enum CrdError {
    /// A schema could not be adjusted: the derived definition is not what this module expects.
    #[error("cannot adjust the schema of {name}")]
    Adjust {
        /// Full name of the CRD.
        name: String,
        /// What serde says.
        source: serde_json::Error,
    },
    /// A definition could not be written as YAML.
    #[error("cannot write {name} as YAML")]
    Yaml {
        /// Full name of the CRD.
        name: String,
        /// What the YAML writer says.
        source: serde_saphyr::ser::Error,
    },
    /// The output directory could not be made.
    #[error("cannot create the directory {}", path.display())]
    CreateDir {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    WriteFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The definitions of all kinds: the subscription first, then the providers.
///
/// # Errors
/// [`CrdError::Adjust`], which a test excludes for the kinds of this build.
pub fn definitions() -> Result<Vec<CustomResourceDefinition>, CrdError> {
    [
        WebhookSubscription::crd(),
        WebhookProvider::crd(),
        ClusterWebhookProvider::crd(),
    ]
    .into_iter()
    .map(adjusted)
    .collect()
}

/// One definition as YAML, without a document separator, ending in a newline.
///
/// # Errors
/// [`CrdError::Adjust`] and [`CrdError::Yaml`].
pub fn yaml(definition: &CustomResourceDefinition) -> Result<String, CrdError> {
    let name = || definition.metadata.name.clone().unwrap_or_default();
    let mut value =
        serde_json::to_value(definition).map_err(|source| CrdError::Adjust { name: name(), source })?;
    write_whole_numbers(&mut value);
    serde_saphyr::to_string(&value).map_err(|source| CrdError::Yaml { name: name(), source })
}

/// All definitions as one YAML stream for `kubectl apply -f -`.
///
/// # Errors
/// Those of [`definitions`] and [`yaml`].
pub fn yaml_stream() -> Result<String, CrdError> {
    let mut stream = String::new();
    for definition in definitions()? {
        stream.push_str("---\n");
        stream.push_str(&yaml(&definition)?);
    }
    Ok(stream)
}

/// Writes one file a kind, `<plural>.yaml`, into `dir`, which is made where it is missing. Returns the paths.
///
/// # Errors
/// Those of [`definitions`] and [`yaml`], and those of the file system.
pub fn write_files(dir: &Path) -> Result<Vec<PathBuf>, CrdError> {
    fs::create_dir_all(dir).map_err(|source| CrdError::CreateDir {
        path: dir.to_owned(),
        source,
    })?;
    definitions()?
        .iter()
        .map(|definition| {
            let path = dir.join(file_name(definition));
            let text = yaml(definition)?;
            fs::write(&path, text).map_err(|source| CrdError::WriteFile {
                path: path.clone(),
                source,
            })?;
            Ok(path)
        })
        .collect()
}

/// The name of the file that holds a definition.
pub fn file_name(definition: &CustomResourceDefinition) -> String {
    format!("{}.yaml", definition.spec.names.plural)
}

/// Says in the schema what the derives cannot.
fn adjusted(definition: CustomResourceDefinition) -> Result<CustomResourceDefinition, CrdError> {
    let name = definition.metadata.name.clone().unwrap_or_default();
    adjust(definition).map_err(|source| CrdError::Adjust { name, source })
}

fn adjust(mut definition: CustomResourceDefinition) -> Result<CustomResourceDefinition, serde_json::Error> {
    for version in &mut definition.spec.versions {
        let mut schema = serde_json::to_value(&version.schema)?;
        if let Some(root) = schema.get_mut("openAPIV3Schema") {
            tidy(root);
            if let Some(Value::Object(status)) = root.pointer_mut("/properties/status") {
                // Tells "not looked at yet" from "looked at": without a status there is nothing to wait on.
                status.insert("default".into(), json!({ "observedGeneration": -1 }));
            }
        }
        version.schema = serde_json::from_value(schema)?;
    }
    Ok(definition)
}

/// Brings a schema and all below it into the form that the apiserver works best with.
fn tidy(schema: &mut Value) {
    let Value::Object(object) = schema else { return };
    // Where null is not allowed the apiserver drops it, so that `field: null` means unset, to rules too.
    object.remove("nullable");
    // The operator alone says what unset means; a default in the schema would hide that it was unset.
    object.remove("default");
    if let Some(Value::String(description)) = object.get_mut("description") {
        *description = unwrapped(description);
    }
    if let Some(format) = object.get("format").and_then(Value::as_str) {
        // OpenAPI knows no unsigned formats; the bounds say what the sign does not.
        match format {
            "uint8" | "uint16" | "uint32" => object.insert("format".into(), json!("int32")),
            "uint64" => object.insert("format".into(), json!("int64")),
            _ => None,
        };
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(tidy);
    }
    for below in ["items", "additionalProperties"] {
        if let Some(below) = object.get_mut(below) {
            tidy(below);
        }
    }
}

/// The lines of a doc comment joined to paragraphs: `kubectl explain` breaks lines itself.
fn unwrapped(text: &str) -> String {
    let paragraphs: Vec<String> = text
        .split("\n\n")
        .map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    paragraphs.join("\n\n")
}

/// Bounds are floating point numbers in the type and whole numbers in the file, as people write them.
fn write_whole_numbers(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(write_whole_numbers),
        Value::Object(members) => members.values_mut().for_each(write_whole_numbers),
        Value::Number(number) => {
            let whole = number.as_f64().filter(|n| number.is_f64() && n.fract() == 0.0);
            if let Some(parsed) = whole.and_then(|n| format!("{n:.0}").parse::<i64>().ok()) {
                *value = parsed.into();
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
