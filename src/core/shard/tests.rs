use proptest::prelude::*;

use super::*;

mod world;

use world::World;

const A: &str = "a";

fn shard(name: &str) -> Shard {
    Shard::parse(name).unwrap()
}

/// An object that the shard `a` serves.
fn served(a: &Shard) -> Standing<'_> {
    Standing {
        me: a,
        assigned: a,
        holder: a,
        claimed: Some("x"),
        wanted: Some("x"),
        speaking: true,
        working: true,
        orphaned: false,
        elder: false,
        younger: false,
    }
}

#[test]
fn a_name_is_a_dns_label_or_nothing() {
    for good in ["", "a", "team-7", &"a".repeat(63)] {
        assert_eq!(Shard::parse(good), Some(Shard::told(Some(good))), "{good}");
    }
    for bad in ["-a", "a-", "A", "a.b", "a_b", "ä", &"a".repeat(64)] {
        assert_eq!(Shard::parse(bad), None, "{bad}");
    }
    assert_eq!(Shard::told(None), Shard::UNNAMED);
    assert_eq!(shard("eu").lease("hooks"), "hooks-eu");
    assert_eq!(Shard::UNNAMED.lease("hooks"), "hooks");
}

#[test]
fn an_install_without_shards_claims_its_accounts_and_serves_them() {
    let none = Shard::UNNAMED;
    let new = Standing {
        claimed: None,
        speaking: false,
        working: false,
        ..served(&none)
    };
    assert_eq!(decide(&new), Step::Claim);
    let nothing_to_send = Standing { wanted: None, ..new };
    assert_eq!(decide(&nothing_to_send), Step::Serve);
    assert_eq!(decide(&served(&none)), Step::Serve);
}

#[test]
fn a_holder_gives_away_what_is_another_shards_when_nothing_is_on_its_way() {
    let (a, b) = (shard(A), shard("b"));
    let moved = Standing {
        assigned: &b,
        ..served(&a)
    };
    assert_eq!(decide(&moved), Step::Drain);
    let idle = Standing {
        speaking: false,
        working: false,
        ..moved
    };
    assert_eq!(decide(&idle), Step::HandOver);
    let seen_by_b = Standing { me: &b, ..idle };
    assert_eq!(decide(&seen_by_b), Step::AwaitHolder);
    let orphaned = Standing {
        orphaned: true,
        ..seen_by_b
    };
    assert_eq!(decide(&orphaned), Step::TakeOver);
    let third = shard("c");
    assert_eq!(
        decide(&Standing {
            me: &third,
            ..orphaned
        }),
        Step::Leave
    );
}

#[test]
fn of_two_shards_at_one_account_the_older_objects_serves_and_waits_for_the_other() {
    let a = shard(A);
    let elder = Standing {
        elder: true,
        ..served(&a)
    };
    assert_eq!(decide(&elder), Step::Drain);
    let idle = Standing {
        speaking: false,
        working: false,
        ..elder
    };
    assert_eq!(decide(&idle), Step::Yield);
    let yielded = Standing {
        claimed: None,
        ..idle
    };
    assert_eq!(decide(&yielded), Step::Refuse);
    let told = Standing {
        working: true,
        ..yielded
    };
    assert_eq!(decide(&told), Step::Refuse);
    let younger = Standing {
        younger: true,
        speaking: false,
        working: false,
        ..served(&a)
    };
    assert_eq!(decide(&younger), Step::AwaitRival);
    let serving = Standing {
        younger: true,
        ..served(&a)
    };
    assert_eq!(
        decide(&serving),
        Step::Serve,
        "who serves goes on: the other one yields"
    );
}

#[test]
fn a_shard_has_no_leader_when_it_says_so_or_when_its_lease_stands_still() {
    let second = Duration::from_secs(1);
    let at = |seconds: u64| Moment::default().after(second * u32::try_from(seconds).unwrap());
    let record = |stamp: &str| Record {
        holder: Some("h".to_owned()),
        released: false,
        stamp: stamp.to_owned(),
        duration: Some(20 * second),
        version: None,
    };
    let mut vigil = Vigil::default();
    assert!(!vigil.is_over(at(100), 15 * second), "nothing was seen");
    vigil.observe(Some(record("1")), at(100));
    assert!(!vigil.is_over(at(119), 15 * second));
    vigil.observe(Some(record("1")), at(119));
    assert!(vigil.is_over(at(120), 15 * second), "the longer duration counts");
    vigil.observe(Some(record("2")), at(120));
    assert!(!vigil.is_over(at(139), 15 * second));
    vigil.observe(None, at(140));
    assert!(
        !vigil.is_over(at(154), 15 * second),
        "a Lease that is gone proves nothing"
    );
    assert!(vigil.is_over(at(155), 15 * second));
    let released = Record {
        holder: None,
        released: true,
        ..record("3")
    };
    vigil.observe(Some(released), at(156));
    assert!(vigil.is_over(at(156), 15 * second));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Labels and keys change, processes end and begin, everything that is read is as old as it may be: no account is
    /// ever spoken to by two shards, and in the end everything is served where it should be.
    #[test]
    fn no_two_shards_speak_to_one_account_and_all_come_to_rest(choices in prop::collection::vec(any::<u16>(), 0..300)) {
        let mut world = World::default();
        for choice in choices {
            world.step(choice);
            prop_assert_eq!(world.fault(), None);
        }
        world.settle();
        prop_assert_eq!(world.fault(), None);
        prop_assert_eq!(world.unserved(), Vec::<usize>::new(), "{:#?}", world);
    }
}
