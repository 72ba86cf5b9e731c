//! What of a secret is in the operator's memory once it was used, and who may read that memory.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use provider_simulator::Token;
use serde_json::json;
use test_harness::{Operator, binary, wait_for};

use crate::support::{OPERATOR_NAMESPACE, PROVIDER, SOON, SUBSCRIPTION, Setup, World};

const FIRST_TOKEN: &str = "canary-token-in-memory-5Kp1";
const TOKEN: &str = "canary-successor-in-memory-6Lq2";
const PASSWORD: &str = "canary-password-in-memory-7Mr3";
const HEADER: &str = "canary-header-in-memory-8Ns4";
const PATH: &str = "canary-path-in-memory-9Ot5";
const APPLIED: &str = "canary-applied-in-memory-1Pu6";

/// The writable memory of a process, region by region.
fn memory(process: u32, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let memory = File::open(format!("/proc/{process}/mem"))?;
    for line in fs::read_to_string(format!("/proc/{process}/maps"))?.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else {
            continue;
        };
        if !rights.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let address = |text| u64::from_str_radix(text, 16).unwrap();
        let (mut at, to) = (address(from), address(to));
        let mut region = Vec::new();
        let mut piece = vec![0; 1 << 20];
        while at < to {
            let most = usize::try_from(to - at).unwrap().min(piece.len());
            // A part may have been unmapped meanwhile.
            let Ok(read) = memory.read_at(&mut piece[..most], at) else {
                break;
            };
            region.extend_from_slice(&piece[..read]);
            at += read as u64;
            if read == 0 {
                break;
            }
        }
        each(&region);
    }
    Ok(())
}

fn count(haystack: &[u8], needle: &[u8]) -> usize {
    let first = needle[0];
    let starts = haystack.iter().enumerate().filter(|(_, byte)| **byte == first);
    starts
        .filter(|(at, _)| haystack[*at..].starts_with(needle))
        .count()
}

/// How often each text is in the memory of a process, as it is or in base64.
fn copies(process: u32, texts: &[&str]) -> io::Result<Vec<usize>> {
    let mut found = vec![0; texts.len()];
    memory(process, |region| {
        for (text, found) in texts.iter().zip(&mut found) {
            let encoded = STANDARD.encode(text);
            *found += count(region, text.as_bytes());
            *found += count(region, &encoded.as_bytes()[..encoded.len() - 4]);
        }
    })?;
    Ok(found)
}

/// A world whose operator has used a secret of every kind; of the credential it has used two.
fn used() -> World {
    let world = World::start();
    for token in [FIRST_TOKEN, TOKEN] {
        world.simulator.dixa().add_token(token, Token::of("example-org"));
    }
    world.secret("dixa-api", "credentials", &[("token", FIRST_TOKEN)]);
    world.apply(PROVIDER, "dixa", world.provider_spec(json!({})));
    world.secret("header", "delivery", &[("key", HEADER)]);
    world.secret(
        "basic",
        "delivery",
        &[("username", "somebody"), ("password", PASSWORD)],
    );
    let url = format!("https://hooks.acme.example/{PATH}");
    world.secret("address", "delivery", &[("url", &url)]);
    // As a person does it: kubectl keeps a copy in an annotation, which the watch brings.
    world
        .cluster()
        .kubectl(&["apply", "--namespace", &world.namespace, "-f", "-"], &format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: applied\n  labels: {{webhook-operator.io/use: delivery}}\nstringData: {{token: \"{APPLIED}\"}}\n"
        ))
        .unwrap();
    world.subscribe(
        "crm",
        json!({
            "url": null,
            "urlFrom": {"secretKeyRef": {"name": "address", "key": "url"}},
            "authorization": {"basic": {"secretRef": {"name": "basic"}}},
            "headers": [{"name": "X-Key", "valueFrom": {"secretKeyRef": {"name": "header", "key": "key"}}}],
        }),
    );
    world.ready("crm");
    let bearer = json!({"bearer": {"secretKeyRef": {"name": "applied", "key": "token"}}});
    let url = "https://hooks.acme.example/applied";
    world.subscribe("applied", json!({"url": url, "authorization": bearer}));
    world.ready("applied");
    world.secret("dixa-api", "credentials", &[("token", TOKEN)]);
    world.look_again(PROVIDER, "dixa");
    world.look_again(SUBSCRIPTION, "crm");
    world.ready("crm");
    world
}

/// As `gcore` and `grep` would. What is freed is wiped, so that what is found is held: the credential in use, by the
/// client and in its header, and what lies in the buffer of a connection that is still open, which is beyond us.
#[test]
fn of_what_was_used_memory_holds_the_credential_and_nothing_else() {
    let mut world = used();
    let process = world.operator().id();
    let held = [TOKEN];
    let wiped = [PASSWORD, HEADER, PATH];
    let buffered = [FIRST_TOKEN, APPLIED];
    match copies(process, &held) {
        Ok(found) => assert!(found[0] >= 1, "the memory was not read"),
        // Then nobody of this user can, which is as good.
        Err(error) => return assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
    }
    world.eventually("secrets to be wiped", || {
        let count = |texts: &[&str]| copies(process, texts).unwrap();
        let (held, wiped, buffered) = (count(&held), count(&wiped), count(&buffered));
        let few = held[0] <= 3 && buffered.iter().all(|copies| *copies <= 1);
        if few && wiped == [0; 3] {
            Ok(())
        } else {
            Err(format!("{held:?} {wiped:?} {buffered:?}"))
        }
    });
}

/// A process that cannot be dumped belongs to root, whoever runs it (`proc(5)`, `prctl(2)`).
#[test]
fn no_other_process_of_the_same_user_may_read_the_operator_and_it_leaves_no_core() {
    let world = Setup::new().without_operator().start();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let account = world
        .cluster()
        .service_account_kubeconfig(OPERATOR_NAMESPACE, "webhook-operator")
        .unwrap();
    // Where another user can read them.
    let place = |from: &Path, name: &str| {
        let to = folder.path().join(name);
        fs::copy(from, &to).unwrap();
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).unwrap();
        to
    };
    let program = place(
        &binary("webhook-operator", "webhook-operator").unwrap(),
        "operator",
    );
    let kubeconfig = place(&account, "kubeconfig");
    let authority = world.cluster().authority();
    let text = fs::read_to_string(&kubeconfig).unwrap();
    let readable = place(&authority, "ca.crt");
    fs::write(
        &kubeconfig,
        text.replace(authority.to_str().unwrap(), readable.to_str().unwrap()),
    )
    .unwrap();
    let namespace = format!("--watch-namespace={}", world.namespace);
    let id = format!("--cluster-id={}", world.namespace);
    let run = ["run", &namespace, &id];
    let env = [
        ("POD_NAMESPACE", OPERATOR_NAMESPACE),
        ("POD_NAME", "webhook-operator-0"),
    ];
    let as_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut operator = if as_root {
        let other = [
            "--reuid=65532",
            "--regid=65532",
            "--clear-groups",
            program.to_str().unwrap(),
        ];
        let args = [&other[..], &run[..]].concat();
        Operator::start(Path::new("setpriv"), &args, &env, &kubeconfig).unwrap()
    } else {
        Operator::start(&program, &run, &env, &kubeconfig).unwrap()
    };
    operator.addr().unwrap();
    let process = format!("/proc/{}", operator.id());
    let status = fs::read_to_string(format!("{process}/status")).unwrap();
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    assert!(
        !user.split_whitespace().any(|uid| uid == "0"),
        "it runs as root: {user}"
    );
    for file in ["environ", "mem", "maps"] {
        assert_eq!(
            fs::metadata(format!("{process}/{file}")).unwrap().uid(),
            0,
            "{file}"
        );
    }
    // What anybody may read stays so: figures of the process, as the harness takes them.
    assert!(operator.rss_peak_kib().unwrap() > 0);
}

/// Where a core file could be written, none is.
#[test]
fn an_abort_writes_no_core() {
    let unlimited = "ulimit -c unlimited && ";
    let folder = tempfile::tempdir().unwrap();
    let any = Command::new("sh")
        .args(["-c", &format!("{unlimited} kill -ABRT $$")])
        .current_dir(folder.path())
        .status()
        .unwrap();
    if !any.core_dumped() {
        // Then the machine forbids it to everybody.
        return;
    }
    let world = Setup::new().without_operator().start();
    let program = binary("webhook-operator", "webhook-operator").unwrap();
    let exec = format!("{unlimited} cd {} && exec \"$0\" \"$@\"", folder.path().display());
    let namespace = format!("--watch-namespace={}", world.namespace);
    let id = format!("--cluster-id={}", world.namespace);
    let args = ["-c", &exec, program.to_str().unwrap(), "run", &namespace, &id];
    let env = [
        ("POD_NAMESPACE", OPERATOR_NAMESPACE),
        ("POD_NAME", "webhook-operator-0"),
    ];
    let mut operator = Operator::start(Path::new("sh"), &args, &env, world.kubeconfig()).unwrap();
    operator.addr().unwrap();
    let process = operator.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-ABRT", &process])
            .status()
            .unwrap()
            .success()
    );
    let status = wait_for(SOON, "its end", || operator.ended().unwrap()).unwrap();
    assert_eq!(status.signal(), Some(6), "{status}");
    assert!(!status.core_dumped(), "{status}");
}
