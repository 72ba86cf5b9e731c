//! `suspend` and `resume`: the field `spec.suspend`.

use serde_json::{Value, json};

use super::args::SomeArgs;
use super::error::{Exit, PluginError};
use super::screen::Screen;
use super::session::Session;

/// Sets the field, or takes it away again, where that is not so yet.
pub(super) async fn run(
    session: &Session,
    args: &SomeArgs,
    suspend: bool,
    screen: &mut Screen<'_>,
) -> Result<Exit, PluginError> {
    let (verb, word) = if suspend {
        ("suspend", "suspended")
    } else {
        ("resume", "resumed")
    };
    for object in session.some(&args.names, args.all).await? {
        let name = object.resource_name();
        if object.suspended() == suspend {
            screen.print(&format!("{name} unchanged\n"))?;
            continue;
        }
        let value = if suspend { Value::Bool(true) } else { Value::Null };
        session
            .merge(&object.name, verb, json!({"spec": {"suspend": value}}))
            .await?;
        screen.print(&format!("{name} {word}\n"))?;
    }
    Ok(Exit::Done)
}
