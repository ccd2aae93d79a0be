//! The generated border to the host: `wit/` as Rust. Nothing else in this crate is generated.
//!
//! What a plugin calls is generated once, with the world `plugin`. What it may export beside actions has a world of
//! its own here, so that a component exports exactly what [`plugin!`](crate::plugin) was given.

wit_bindgen::generate!({
    path: "../../wit",
    world: "plugin",
    pub_export_macro: true,
    export_macro_name: "export_plugin",
    default_bindings_module: "::kiket_plugin::__private::bindings",
});

/// What became of effects.
pub mod recovery {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package kiket:sdk;
            world recovery {
                export kiket:plugin/recovery@0.1.0;
            }
        ",
        world: "kiket:sdk/recovery",
        with: { "kiket:plugin/types@0.1.0": crate::bindings::kiket::plugin::types },
        pub_export_macro: true,
        export_macro_name: "export_recovery",
        default_bindings_module: "::kiket_plugin::__private::bindings::recovery",
    });
}

/// Guards.
pub mod guards {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package kiket:sdk;
            world guards {
                export kiket:plugin/guard@0.1.0;
            }
        ",
        world: "kiket:sdk/guards",
        pub_export_macro: true,
        export_macro_name: "export_guards",
        default_bindings_module: "::kiket_plugin::__private::bindings::guards",
    });
}

/// What the types of a component are: for tools that build plugins, never for a server.
pub mod schemas {
    wit_bindgen::generate!({
        inline: "
            package kiket:sdk;
            interface schemas {
                describe: func() -> string;
            }
            world described {
                export schemas;
            }
        ",
        world: "kiket:sdk/described",
        pub_export_macro: true,
        export_macro_name: "export_schemas",
        default_bindings_module: "::kiket_plugin::__private::bindings::schemas",
    });
}
