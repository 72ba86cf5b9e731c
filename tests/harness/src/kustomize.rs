//! The examples as a real user applies them, aimed at another provider: a generated kustomization that
//! changes where the provider is and whom to trust for it, and puts values into the examples' Secrets.
//! Everything else is applied as it stands in `examples/`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

/// The patch of the provider, in the kustomization's folder.
pub const PROVIDER_PATCH: &str = "provider.yaml";

/// Why there is no kustomization.
#[derive(Debug, thiserror::Error)]
pub enum KustomizeError {
    /// A folder does not exist.
    #[error("find the folder {}", path.display())]
    Folder {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("write {}", path.display())]
    Write {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Values for the keys of Secrets, by name and key. Not `Debug`: they are secret.
pub type SecretValues = BTreeMap<String, BTreeMap<String, String>>;

/// What is generated.
pub struct Kustomization<'a> {
    /// A folder with a kustomization: one of `examples/`.
    pub base: &'a Path,
    /// `spec.endpoint` of every provider in it.
    pub endpoint: &'a str,
    /// `spec.caBundleRef.name` of every provider in it; with `None` the field stays as it is.
    pub ca_bundle: Option<&'a str>,
    /// Replaces what the Secrets of the base hold under these keys; each Secret must be in the base.
    pub secrets: &'a SecretValues,
}

impl Kustomization<'_> {
    /// Writes it into `folder`, which must exist, for `kubectl apply -k`. The patch of the provider is in
    /// the file [`PROVIDER_PATCH`]; the Secrets' values are in files of their own.
    ///
    /// # Errors
    /// [`KustomizeError`].
    pub fn write(&self, folder: &Path) -> Result<(), KustomizeError> {
        let mut patches = vec![json!({
            "path": PROVIDER_PATCH,
            "target": {"group": "webhook-operator.io", "kind": "(Cluster)?WebhookProvider"},
        })];
        write(folder, PROVIDER_PATCH, &self.provider_patch())?;
        for (name, values) in self.secrets {
            let file = format!("secret-{name}.yaml");
            let patch = json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name},
                "stringData": values,
            });
            write(folder, &file, &format!("{patch:#}\n"))?;
            patches.push(json!({ "path": file }));
        }
        let kustomization = json!({
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            // kustomize takes no absolute path.
            "resources": [relative(&canonical(folder)?, &canonical(self.base)?)],
            "patches": patches,
        });
        // JSON is YAML.
        write(folder, "kustomization.yaml", &format!("{kustomization:#}\n"))
    }

    /// The patch of the providers: all that differs from the examples, but for the Secrets' values.
    pub fn provider_patch(&self) -> String {
        let quoted = |text: &str| Value::from(text).to_string();
        let bundle = |name| format!("  caBundleRef:\n    name: {}\n", quoted(name));
        format!(
            "apiVersion: webhook-operator.io/v1alpha1\nkind: WebhookProvider\nmetadata:\n  name: any\n\
             spec:\n  endpoint: {}\n{}",
            quoted(self.endpoint),
            self.ca_bundle.map(bundle).unwrap_or_default()
        )
    }
}

fn canonical(path: &Path) -> Result<PathBuf, KustomizeError> {
    path.canonicalize().map_err(|source| KustomizeError::Folder {
        path: path.to_owned(),
        source,
    })
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), KustomizeError> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(|source| KustomizeError::Write { path, source })
}

/// The way from one folder to another; both absolute and without symbolic links.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let shared = from
        .components()
        .zip(to.components())
        .take_while(|(from, to)| from == to)
        .count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(to.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_a_folder_goes_up_to_what_both_share_and_then_down() {
        let way = |from, to| relative(Path::new(from), Path::new(to));
        assert_eq!(way("/a/b/c", "/a/d/e"), Path::new("../../d/e"));
        assert_eq!(way("/a", "/a/d"), Path::new("d"));
        assert_eq!(way("/x/y", "/a"), Path::new("../../a"));
    }

    #[test]
    fn only_endpoint_and_bundle_are_patched_and_values_stay_out_of_the_patch() {
        let base = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let token = BTreeMap::from([("token".to_owned(), "s3cret".to_owned())]);
        let secrets = SecretValues::from([("dixa-api".to_owned(), token)]);
        let kustomization = Kustomization {
            base: base.path(),
            endpoint: "https://localhost:1",
            ca_bundle: Some("provider-ca"),
            secrets: &secrets,
        };
        kustomization.write(folder.path()).unwrap();

        let patch = fs::read_to_string(folder.path().join(PROVIDER_PATCH)).unwrap();
        let (_, spec) = patch.split_once("spec:\n").unwrap();
        assert_eq!(
            spec,
            "  endpoint: \"https://localhost:1\"\n  caBundleRef:\n    name: \"provider-ca\"\n"
        );
        let list = fs::read_to_string(folder.path().join("kustomization.yaml")).unwrap();
        assert!(!list.contains("s3cret") && !patch.contains("s3cret"));
        let list: Value = serde_json::from_str(&list).unwrap();
        assert_eq!(list["patches"][1]["path"], "secret-dixa-api.yaml");
        let back = folder.path().join(list["resources"][0].as_str().unwrap());
        assert_eq!(back.canonicalize().unwrap(), base.path().canonicalize().unwrap());
    }
}
