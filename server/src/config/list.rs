//! The macro that makes the configuration, the arguments and the keys of the file of one list.

/// Makes [`Config`] and [`Settings`] of one list: documentation, name, type, default, and the arguments of clap.
macro_rules! settings {
    ($($(#[doc = $doc:literal])* $name:ident: $kind:ty = $default:expr, option($($option:tt)*) $(, $live:ident)?;)*) => {
        /// The configuration of a server.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        pub struct Config {
            $($(#[doc = $doc])* pub $name: $kind,)*
        }

        /// Settings, each of which may be missing: those of a configuration file, or those of the command line and the
        /// environment.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Args)]
        #[serde(deny_unknown_fields)]
        pub struct Settings {
            $($(#[doc = $doc])* #[arg($($option)*)] pub $name: Option<$kind>,)*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Config {
            /// All settings with their values, as they are in a file.
            fn entries(&self) -> Vec<(&'static str, String)> {
                vec![$((stringify!($name), file::value(&self.$name)),)*]
            }

            /// This configuration with those settings of `new` that can change in a running server.
            fn with_live(&self, new: &Self) -> Self {
                Self { $($name: if is_live!($($live)?) { new.$name.clone() } else { self.$name.clone() },)* }
            }
        }

        impl Settings {
            /// The names of all settings, as keys in the file.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];

            /// The names of the settings that can change in a running server.
            pub const LIVE: &[&str] = &[$($(live_name!($name $live),)?)*];

            /// The names of the settings that are not missing.
            fn present(&self) -> Vec<&'static str> {
                let mut names = Vec::new();
                $(names.extend(self.$name.as_ref().map(|_| stringify!($name)));)*
                names
            }

            /// The settings of a table. Values that cannot be are left out, and each is a fault.
            fn of_table(mut table: DeTable<'_>, mut fault: impl FnMut(&'static str, file::BadValue)) -> Self {
                Self { $($name: file::take(&mut table, stringify!($name)).transpose().unwrap_or_else(|error| {
                    fault(stringify!($name), error);
                    None
                }),)* }
            }

            /// These settings; those of `fallback` stand in where a setting is missing.
            #[must_use]
            pub fn or(self, fallback: Self) -> Self {
                Self { $($name: self.$name.or(fallback.$name),)* }
            }

            /// The configuration, with the default for every setting that is missing.
            #[must_use]
            pub fn into_config(self) -> Config {
                let default = Config::default();
                Config { $($name: self.$name.unwrap_or(default.$name),)* }
            }
        }
    };
}

/// Whether the line of a setting ends with `live`.
macro_rules! is_live {
    () => {
        false
    };
    (live) => {
        true
    };
}

/// The name of a setting whose line ends with `live`.
macro_rules! live_name {
    ($name:ident live) => {
        stringify!($name)
    };
}
