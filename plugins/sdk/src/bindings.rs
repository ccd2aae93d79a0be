//! The generated border to the host: `wit/` as Rust. Nothing else in this crate is generated.

wit_bindgen::generate!({
    path: "../../wit",
    world: "plugin",
    pub_export_macro: true,
    export_macro_name: "export_plugin",
    default_bindings_module: "::kiket_plugin::__private::bindings",
});
