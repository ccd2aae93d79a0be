//! [`plugin!`](crate::plugin): from functions to a component.

/// Makes a component of a crate: names its manifest and maps what the manifest lists to functions.
///
/// ```ignore
/// plugin! { manifest: "manifest.yaml", actions: { "run" => greet, "publish" => publish } }
/// plugin! { manifest: "manifest.yaml", actions: { "run" => pay }, checks: { "run" => was_paid } }
/// plugin! { manifest: "manifest.yaml", guards: { "run" => is_small } }
/// plugin! { manifest: "manifest.yaml", actions: { "run" => greet }, schemas: derived }
/// ```
///
/// The manifest's path is relative to the crate's `Cargo.toml`; its text travels inside the component as the custom
/// section `kiket:manifest`.
///
/// - `actions`: `fn(Input, &Call) -> Result<Output, Failure>`; in place of [`Failure`](crate::Failure) any error that
///   becomes one, such as `anyhow::Error` with the feature `anyhow`. An output is a JSON object, or `()` for none. An input
///   that does not decode and an action that is not listed answer
///   [`Failure::InvalidInput`](crate::Failure::InvalidInput).
/// - `checks`, after `actions`, for those of the class `checkable`: `fn(Input, &Call) -> EffectState<Output>`, or a
///   `Result` of that and a [`Failure`](crate::Failure). It finds out what became of the effect of a call that was cut
///   off.
/// - `guards`: `fn(Input, &Transition) -> Verdict`, or a `Result` of that and a [`Failure`](crate::Failure).
/// - `schemas: derived`, at the end: every `Input` and `Output` of actions and guards implements `schemars::JsonSchema`,
///   and `kiket plugin build` puts their schemas into the manifest. A schema that stands in the manifest counts before
///   the one of the type. The component then exports `kiket:sdk/schemas` as well, which only tools call.
///
/// `Input` is whatever implements `serde::de::DeserializeOwned`, `Output` whatever implements `serde::Serialize`. The
/// parts stand in this order. The crate is a `cdylib`, and has one `plugin!` at its root.
#[macro_export]
macro_rules! plugin {
    (
        manifest: $manifest:literal
        $(, actions: { $($action:literal => $carry_out:path),+ $(,)? })?
        $(, checks: { $($checkable:literal => $check:path),+ $(,)? })?
        $(, guards: { $($guard:literal => $decide:path),+ $(,)? })?
        , schemas: derived
        $(,)?
    ) => {
        $crate::plugin! {
            manifest: $manifest
            $(, actions: { $($action => $carry_out),+ })?
            $(, checks: { $($checkable => $check),+ })?
            $(, guards: { $($guard => $decide),+ })?
        }
        $crate::__schemas!({ $($($action => $carry_out),+)? } { $($($guard => $decide),+)? });
    };
    (
        manifest: $manifest:literal
        $(, actions: { $($action:literal => $carry_out:path),+ $(,)? })?
        $(, checks: { $($checkable:literal => $check:path),+ $(,)? })?
        $(, guards: { $($guard:literal => $decide:path),+ $(,)? })?
        $(,)?
    ) => {
        const _: () = {
            const MANIFEST: &[u8] =
                ::core::include_bytes!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", $manifest));

            // The only unsafe part: a section must have a name of its own, and `kiket:manifest` is nobody else's.
            #[used]
            #[cfg_attr(target_family = "wasm", unsafe(link_section = "kiket:manifest"))]
            static SECTION: [u8; MANIFEST.len()] = *MANIFEST.first_chunk().expect("an array of the slice's length");
        };

        $($crate::__actions!({ $($action => $carry_out),+ });)?
        $($crate::__checks!({ $($checkable => $check),+ });)?
        $($crate::__guards!({ $($guard => $decide),+ });)?
    };
}

/// The actions of a component.
#[doc(hidden)]
#[macro_export]
macro_rules! __actions {
    ({ $($name:literal => $action:path),+ }) => {
        const _: () = {
            use $crate::__private::bindings;
            use bindings::exports::kiket::plugin::action;

            struct Actions;

            impl action::Guest for Actions {
                fn run(
                    invocation: action::Invocation,
                ) -> ::core::result::Result<::std::string::String, action::Failure> {
                    match invocation.action.as_str() {
                        $($name => $crate::__private::carry_out($action, invocation),)+
                        unknown => $crate::__private::refuse(unknown, &[$($name),+]),
                    }
                }
            }

            bindings::export_plugin!(Actions with_types_in $crate::__private::bindings);
        };
    };
}

/// What finds out what became of their effects.
#[doc(hidden)]
#[macro_export]
macro_rules! __checks {
    ({ $($name:literal => $check:path),+ }) => {
        const _: () = {
            use $crate::__private::bindings::recovery as bindings;
            use bindings::exports::kiket::plugin::recovery;

            struct Checks;

            impl recovery::Guest for Checks {
                fn check(call: recovery::Invocation) -> recovery::EffectState {
                    match call.action.as_str() {
                        $($name => $crate::__private::check($check, call),)+
                        unknown => $crate::__private::cannot_check(unknown),
                    }
                }
            }

            bindings::export_recovery!(Checks with_types_in $crate::__private::bindings::recovery);
        };
    };
}

/// The guards of a component.
#[doc(hidden)]
#[macro_export]
macro_rules! __guards {
    ({ $($name:literal => $guard:path),+ }) => {
        const _: () = {
            use $crate::__private::bindings::guards as bindings;
            use bindings::exports::kiket::plugin::guard;

            struct Guards;

            impl guard::Guest for Guards {
                fn decide(transition: guard::Transition) -> guard::Verdict {
                    match transition.guard.as_str() {
                        $($name => $crate::__private::decide($guard, transition),)+
                        unknown => $crate::__private::no_guard(unknown, &[$($name),+]),
                    }
                }
            }

            bindings::export_guards!(Guards with_types_in $crate::__private::bindings::guards);
        };
    };
}

/// What the types of a component are.
#[doc(hidden)]
#[macro_export]
macro_rules! __schemas {
    ({ $($action:literal => $carry_out:path),* } { $($guard:literal => $decide:path),* }) => {
        const _: () = {
            use $crate::__private::bindings::schemas as bindings;
            use bindings::exports::kiket::sdk::schemas;

            struct Schemas;

            impl schemas::Guest for Schemas {
                fn describe() -> ::std::string::String {
                    $crate::__private::Described::new()
                        $(.action($action, $carry_out))*
                        $(.guard($guard, $decide))*
                        .to_text()
                }
            }

            bindings::export_schemas!(Schemas with_types_in $crate::__private::bindings::schemas);
        };
    };
}
