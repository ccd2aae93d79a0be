//! [`plugin!`](crate::plugin): from functions to a component.

/// Makes a component of a crate: names its manifest and maps the manifest's actions to functions.
///
/// ```ignore
/// plugin! { manifest: "manifest.yaml", actions: { "run" => greet, "check" => check } }
/// ```
///
/// The manifest's path is relative to the crate's `Cargo.toml`; its text travels inside the component as the custom
/// section `kiket:manifest`. Every function has the form
/// `fn(Input, &Call) -> Result<Output, Failure>` with `Input: serde::de::DeserializeOwned` and
/// `Output: serde::Serialize`. An input that does not decode and an action that is not listed answer
/// [`Failure::InvalidInput`](crate::Failure::InvalidInput). An output is a JSON object, or `()` for none.
///
/// The crate is a `cdylib`, and has one `plugin!` at its root.
#[macro_export]
macro_rules! plugin {
    (manifest: $manifest:literal, actions: { $($name:literal => $action:path),+ $(,)? } $(,)?) => {
        const _: () = {
            const MANIFEST: &[u8] =
                ::core::include_bytes!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", $manifest));

            // The only unsafe part: a section must have a name of its own, and `kiket:manifest` is nobody else's.
            #[used]
            #[cfg_attr(target_family = "wasm", unsafe(link_section = "kiket:manifest"))]
            static SECTION: [u8; MANIFEST.len()] = *MANIFEST.first_chunk().expect("an array of the slice's length");

            struct Plugin;

            impl $crate::__private::bindings::exports::kiket::plugin::action::Guest for Plugin {
                fn run(
                    invocation: $crate::__private::bindings::exports::kiket::plugin::action::Invocation,
                ) -> ::core::result::Result<
                    ::std::string::String,
                    $crate::__private::bindings::exports::kiket::plugin::action::Failure,
                > {
                    match invocation.action.as_str() {
                        $($name => $crate::__private::carry_out($action, invocation),)+
                        unknown => $crate::__private::refuse(unknown, &[$($name),+]),
                    }
                }
            }

            $crate::__private::bindings::export_plugin!(Plugin with_types_in $crate::__private::bindings);
        };
    };
}
