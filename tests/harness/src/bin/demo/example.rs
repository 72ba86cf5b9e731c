//! One of `examples/`, applied as a user applies it: through the generated kustomization.

use std::collections::BTreeMap;

use test_harness::{Kustomization, PROVIDER_PATCH, SecretValues};

use crate::screen::{answer, say};
use crate::world::{Remote, StepError, World, ensure};

/// The objects of an example.
pub(crate) struct Example {
    /// Its folder, which is also the name of its provider object and of the provider in the simulator.
    pub(crate) name: &'static str,
    /// The name of its subscription object.
    pub(crate) subscription: &'static str,
}

/// Values for the example's Secrets: (Secret, key, value).
pub(crate) type Values<'a> = [(&'a str, &'a str, &'a str)];

impl Example {
    /// Applies it, with these values in its Secrets, and shows what differs from what stands in `examples/`.
    pub(crate) fn apply(&self, world: &World, values: &Values<'_>) -> Result<(), StepError> {
        let mut secrets = SecretValues::new();
        for (secret, key, value) in values {
            let keys = secrets.entry((*secret).to_owned());
            let keys: &mut BTreeMap<_, _> = keys.or_default();
            keys.insert((*key).to_owned(), (*value).to_owned());
        }
        let folder = world.subfolder(self.name)?;
        let kustomization = Kustomization {
            base: &world.root.join("examples").join(self.name),
            endpoint: &world.endpoint,
            ca_bundle: Some("provider-ca"),
            secrets: &secrets,
        };
        kustomization.write(&folder)?;
        say(&format!(
            "  examples/{} with this patch, {}, and with values in its Secrets:",
            self.name,
            world.short(&folder.join(PROVIDER_PATCH))
        ));
        answer(&kustomization.provider_patch());
        world.kubectl(&["apply", "-k", &world.short(&folder)])?;
        Ok(())
    }

    /// Waits until provider and subscription are Ready.
    pub(crate) fn until_ready(&self, world: &World) -> Result<(), StepError> {
        let (provider, subscription) = self.objects();
        let condition = "--for=condition=Ready";
        world.kubectl(&["wait", condition, &provider, &subscription, "--timeout=60s"])?;
        Ok(())
    }

    /// Both objects as kubectl names them.
    pub(crate) fn objects(&self) -> (String, String) {
        let (provider, subscription) = (self.name, self.subscription);
        (format!("whprov/{provider}"), format!("whsub/{subscription}"))
    }

    /// Shows what status says of the remote subscriptions, and what the provider does, with these members: `count`
    /// of them, with the same ids.
    pub(crate) fn show_remotes(
        &self,
        world: &World,
        count: usize,
        members: &[&str],
    ) -> Result<Vec<Remote>, StepError> {
        world.kubectl(&["get", "whsub", self.subscription])?;
        let lines = r#"jsonpath={range .status.subscriptions[*]}{.externalID}{"  "}{.key}{"\n"}{end}"#;
        world.kubectl(&["get", "whsub", self.subscription, "-o", lines])?;
        let object = world.existing("whsub", self.subscription)?;
        let listed = object["status"]["subscriptions"].as_array();
        let mut ids: Vec<String> = listed
            .into_iter()
            .flatten()
            .filter_map(|one| one["externalID"].as_str().map(str::to_owned))
            .collect();
        let remotes = world.show_remotes(self.name, members)?;
        let mut there: Vec<String> = remotes.iter().map(Remote::id).collect();
        ids.sort_unstable();
        there.sort_unstable();
        ensure(there.len() == count && ids == there, || {
            format!("status names the ids {ids:?}, the provider has {there:?}, and {count} are wanted")
        })?;
        Ok(remotes)
    }

    /// Takes the last of the events out of the spec, and waits until the provider has followed.
    pub(crate) fn remove_last_event(&self, world: &World) -> Result<String, StepError> {
        let events = &world.existing("whsub", self.subscription)?["spec"]["events"];
        let events = events.as_array().map_or(&[][..], Vec::as_slice);
        let last = events.len().saturating_sub(1);
        let removed = events.last().and_then(|event| event.as_str()).unwrap_or_default();
        let patch = format!(r#"[{{"op":"remove","path":"/spec/events/{last}"}}]"#);
        world.kubectl(&["patch", "whsub", self.subscription, "--type=json", "-p", &patch])?;
        self.until_synced(world)?;
        Ok(removed.to_owned())
    }

    /// Waits until the provider is as the newest spec says.
    pub(crate) fn until_synced(&self, world: &World) -> Result<(), StepError> {
        let generation = &world.existing("whsub", self.subscription)?["metadata"]["generation"];
        let condition = format!("--for=jsonpath={{.status.lastSyncedGeneration}}={generation}");
        world.kubectl(&["wait", &condition, &self.objects().1, "--timeout=60s"])?;
        Ok(())
    }

    /// Deletes both objects; nothing of them is left at the provider.
    pub(crate) fn delete(&self, world: &World) -> Result<(), StepError> {
        let (provider, subscription) = self.objects();
        world.kubectl(&["delete", &subscription, &provider, "--timeout=60s"])?;
        let left = world.show_remotes(self.name, &[])?;
        ensure(left.is_empty(), || {
            format!("the objects are gone, and {} subscriptions are not", left.len())
        })?;
        world
            .screen
            .checked("both objects are gone, and nothing is left at the provider");
        Ok(())
    }
}
