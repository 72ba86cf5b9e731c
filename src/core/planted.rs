//! Where the test build with planted bugs goes wrong on purpose (`tests/planted`).

/// Whether this bug is planted: `planted!(Name)`, a variant of `planted_bugs::Bug`.
#[cfg(feature = "planted-bugs")]
#[macro_export]
macro_rules! planted {
    ($bug:ident) => {
        $crate::planted_bugs::is_planted($crate::planted_bugs::Bug::$bug)
    };
}

/// No bug is planted in this build, and nothing of them is in it.
#[cfg(not(feature = "planted-bugs"))]
#[macro_export]
macro_rules! planted {
    ($bug:ident) => {
        false
    };
}
