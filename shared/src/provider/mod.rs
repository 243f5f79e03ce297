//! The clients of the providers: Mono, VTpass and MTN. Each provider has a folder with its wire
//! types, its codes and its client; the private files here hold what the three clients share.

mod answer;
mod json;
mod request;
#[cfg(test)]
mod test_support;

pub mod mono;
pub mod mtn;
pub mod vtpass;

#[cfg(test)]
mod tests {
    use super::test_support::vars;
    use crate::platform::environment::Environment;

    #[tokio::test]
    async fn no_client_of_a_live_deployment_calls_a_provider_by_http() {
        let started = |kind: &str| {
            let vars = vars(&[
                ("DEPLOYMENT_KIND", kind),
                ("MONO_BASE_URL", "http://mono.example.com"),
                ("MONO_SECRET_KEY", "s"),
                ("VTPASS_BASE_URL", "http://vtpass.example.com"),
                ("VTPASS_USERNAME", "u"),
                ("VTPASS_PASSWORD", "p"),
                ("MTN_BASE_URL", "http://mtn.example.com"),
                ("MTN_API_KEY", "k"),
                ("MTN_CLIENT_ID", "i"),
                ("MTN_CLIENT_SECRET", "s"),
                ("MTN_CHANNEL_NAME", "n"),
            ]);
            let environment = Environment::real();
            [
                super::mono::Mono::from_vars(&vars, &environment).is_ok(),
                super::vtpass::Vtpass::from_vars(&vars, &environment).is_ok(),
                super::mtn::Mtn::from_vars(&vars, &environment).is_ok(),
            ]
        };
        assert_eq!((started("test"), started("live")), ([true; 3], [false; 3]));
    }
}
