//! What stands around the functions: the embedded services and simulated providers, or those that
//! the environment names instead.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use shared::config::{ConfigError, Vars};
use shared::tenant_key::KeyKind;
use shared::world::World;
use tokio::net::TcpListener;

use crate::ledger::Ledger;
use crate::secrets::{self, Secrets};
use crate::simulators::mono::{self, MonoSimulator};
use crate::simulators::mtn::{self, MtnSimulator};
use crate::simulators::vtpass::{self, VtpassSimulator};
use crate::sqs::engine::Engine;
use crate::template::REGION;
use crate::{Problem, dynamodb, sqs};

/// Where things are kept.
pub(crate) struct Files(Option<PathBuf>);

impl Files {
    pub(crate) fn open(data_dir: Option<PathBuf>) -> Result<Self, Problem> {
        if let Some(dir) = &data_dir {
            std::fs::create_dir_all(dir)
                .map_err(|error| format!("cannot use {}: {error}", dir.display()))?;
        }
        Ok(Self(data_dir))
    }

    pub(crate) fn file(&self, name: &str) -> Option<PathBuf> {
        self.0.as_ref().map(|dir| dir.join(name))
    }
}

/// The services of a running sandbox.
pub(crate) struct Services {
    pub(crate) dynamodb_url: String,
    pub(crate) sqs_url: String,
    /// The template's parameters.
    pub(crate) parameters: BTreeMap<String, String>,
    /// The secrets that the template names.
    pub(crate) secrets: Secrets,
    /// Where Secrets Manager is.
    pub(crate) secrets_url: String,
    /// The simulated Mono, for the console.
    pub(crate) mono: Option<Arc<MonoSimulator>>,
    /// The simulated VTpass, for the console.
    pub(crate) vtpass: Option<Arc<VtpassSimulator>>,
    /// The simulated MTN, for the console.
    pub(crate) mtn: Option<Arc<MtnSimulator>>,
}

/// What the services are made from.
pub(crate) struct Setting<'a> {
    pub(crate) vars: &'a Vars,
    pub(crate) files: &'a Files,
    pub(crate) world: &'a World,
    pub(crate) ledger: &'a Arc<Ledger>,
    /// Where the gateway is.
    pub(crate) base_url: &'a str,
}

/// Parameters of the template that the environment may set.
const PASSED_ON: [(&str, &str); 12] = [
    ("LimitPurchases", "LIMIT_PURCHASES"),
    ("LimitReads", "LIMIT_READS"),
    ("MonoExchangePath", "MONO_EXCHANGE_PATH"),
    ("MtnConsumptionAuth", "MTN_CONSUMPTION_AUTH"),
    ("MtnPlansAuth", "MTN_PLANS_AUTH"),
    ("NumberRetentionDays", "NUMBER_RETENTION_DAYS"),
    ("OtpLimitNumber", "OTP_LIMIT_NUMBER"),
    ("OtpLimitCaller", "OTP_LIMIT_CALLER"),
    ("OtpLimitAddress", "OTP_LIMIT_ADDRESS"),
    ("RequestDeadlineSeconds", "REQUEST_DEADLINE_SECONDS"),
    ("RequeryScheduleSeconds", "REQUERY_SCHEDULE_SECONDS"),
    ("RequeryPatienceSeconds", "REQUERY_PATIENCE_SECONDS"),
];

impl Services {
    pub(crate) async fn start(setting: &Setting<'_>) -> Result<Self, Problem> {
        let (listener, secrets_url) = local().await?;
        let secrets = Secrets::default();
        serve(listener, secrets::router(secrets.clone()));
        let mut services = Self {
            dynamodb_url: setting.dynamodb().await?,
            sqs_url: setting.sqs().await?,
            parameters: BTreeMap::new(),
            secrets,
            secrets_url,
            mono: None,
            vtpass: None,
            mtn: None,
        };
        services.set("PublicBaseUrl", setting.base_url);
        services.set("DeploymentKind", KeyKind::Test.as_str());
        for (parameter, variable) in PASSED_ON {
            services.set(parameter, setting.vars.optional(variable).unwrap_or_default());
        }
        let limits = setting.generated("LIMITS_HMAC_KEY");
        services.keep("LimitsSecret", "LIMITS_HMAC_KEY", &limits);
        services.mono(setting).await?;
        services.vtpass(setting).await?;
        services.mtn(setting).await?;
        Ok(services)
    }

    /// What Lambda itself sets, and where the sandbox's services are.
    pub(crate) fn lambda_vars(&self, vars: &Vars) -> BTreeMap<String, String> {
        let or = |name, default: &str| vars.optional(name).unwrap_or(default).to_owned();
        BTreeMap::from([
            ("AWS_REGION".to_owned(), or("AWS_REGION", REGION)),
            ("AWS_ACCESS_KEY_ID".to_owned(), or("AWS_ACCESS_KEY_ID", "sandbox")),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), or("AWS_SECRET_ACCESS_KEY", "sandbox")),
            ("AWS_SESSION_TOKEN".to_owned(), or("AWS_SESSION_TOKEN", "")),
            ("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), self.dynamodb_url.clone()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER".to_owned(), self.secrets_url.clone()),
            ("AWS_ENDPOINT_URL_SQS".to_owned(), self.sqs_url.clone()),
        ])
    }

    async fn mono(&mut self, setting: &Setting<'_>) -> Result<(), Problem> {
        self.set("MonoSecretName", "mono");
        if let Some(url) = setting.vars.base_url("MONO_BASE_URL")? {
            self.set("MonoBaseUrl", &url);
            self.keep("mono", "MONO_SECRET_KEY", setting.vars.required("MONO_SECRET_KEY")?);
            if let Some(secret) = setting.vars.optional("MONO_WEBHOOK_SECRET") {
                self.keep("mono", "MONO_WEBHOOK_SECRET", secret);
            }
            return Ok(());
        }
        let (listener, url) = local().await?;
        let (ledger, world) = (setting.ledger.clone(), setting.world.clone());
        let key = format!("simulated_{}", world.random.id());
        let webhook_secret = format!("webhook_{}", world.random.id());
        let webhook_url = format!("{}/callbacks/mono", setting.base_url);
        self.set("MonoBaseUrl", &url);
        self.keep("mono", "MONO_SECRET_KEY", &key);
        self.keep("mono", "MONO_WEBHOOK_SECRET", &webhook_secret);
        let simulator = MonoSimulator { key, url, webhook_url, webhook_secret, ledger, world };
        let simulator = Arc::new(simulator);
        serve(listener, mono::router(simulator.clone()));
        self.mono = Some(simulator);
        Ok(())
    }

    async fn vtpass(&mut self, setting: &Setting<'_>) -> Result<(), Problem> {
        self.set("VtpassSecretName", "vtpass");
        if let Some(url) = setting.vars.base_url("VTPASS_BASE_URL")? {
            let basic = setting.vars.optional("VTPASS_USERNAME").is_some();
            self.set("VtpassBaseUrl", &url);
            let names: &[&str] = match basic {
                true => &["VTPASS_USERNAME", "VTPASS_PASSWORD"],
                false => &["VTPASS_API_KEY", "VTPASS_PUBLIC_KEY", "VTPASS_SECRET_KEY"],
            };
            for name in names {
                self.keep("vtpass", name, setting.vars.required(name)?);
            }
            return Ok(());
        }
        let (listener, url) = local().await?;
        let (ledger, world) = (setting.ledger.clone(), setting.world.clone());
        let credentials = vtpass::Credentials::generate(&world);
        self.set("VtpassBaseUrl", &format!("{url}/api"));
        self.keep("vtpass", "VTPASS_API_KEY", &credentials.api_key);
        self.keep("vtpass", "VTPASS_PUBLIC_KEY", &credentials.public_key);
        self.keep("vtpass", "VTPASS_SECRET_KEY", &credentials.secret_key);
        let webhook_url = Some(format!("{}/callbacks/vtpass", setting.base_url));
        let simulator = Arc::new(VtpassSimulator::new(credentials, ledger, world, webhook_url));
        serve(listener, vtpass::router(simulator.clone()));
        self.vtpass = Some(simulator);
        Ok(())
    }

    async fn mtn(&mut self, setting: &Setting<'_>) -> Result<(), Problem> {
        self.set("MtnSecretName", "mtn");
        if let Some(url) = setting.vars.base_url("MTN_BASE_URL")? {
            self.set("MtnBaseUrl", &url);
            self.set("MtnChannelName", setting.vars.required("MTN_CHANNEL_NAME")?);
            for name in ["MTN_API_KEY", "MTN_CLIENT_ID", "MTN_CLIENT_SECRET"] {
                self.keep("mtn", name, setting.vars.required(name)?);
            }
            return Ok(());
        }
        let (listener, url) = local().await?;
        let (ledger, world) = (setting.ledger.clone(), setting.world.clone());
        let credentials = mtn::Credentials::generate(&world);
        self.set("MtnBaseUrl", &url);
        self.set("MtnChannelName", "sandbox");
        self.keep("mtn", "MTN_API_KEY", &credentials.api_key);
        self.keep("mtn", "MTN_CLIENT_ID", &credentials.client_id);
        self.keep("mtn", "MTN_CLIENT_SECRET", &credentials.client_secret);
        let simulator = Arc::new(MtnSimulator::new(credentials, ledger, world));
        serve(listener, mtn::router(simulator.clone()));
        self.mtn = Some(simulator);
        Ok(())
    }

    fn set(&mut self, parameter: &str, value: &str) {
        self.parameters.insert(parameter.to_owned(), value.to_owned());
    }

    fn keep(&self, secret: &str, variable: &str, value: &str) {
        self.secrets.put(secret, variable, value);
    }
}

impl Setting<'_> {
    /// A secret that the template generates: made once, kept with the rest of the data.
    fn generated(&self, name: &str) -> String {
        const SECRETS: &str = "secrets";
        self.ledger.get(SECRETS, name).unwrap_or_else(|| {
            let secret = format!("{}{}", self.world.random.id(), self.world.random.id());
            self.ledger.put(SECRETS, name, &secret);
            secret
        })
    }

    /// The endpoint that the environment names for a service of AWS.
    fn endpoint(&self, name: &str) -> Result<Option<String>, ConfigError> {
        match self.vars.base_url(name)? {
            Some(url) => Ok(Some(url)),
            None => self.vars.base_url("AWS_ENDPOINT_URL"),
        }
    }

    async fn dynamodb(&self) -> Result<String, Problem> {
        if let Some(url) = self.endpoint("AWS_ENDPOINT_URL_DYNAMODB")? {
            return Ok(url);
        }
        let (listener, url) = local().await?;
        dynamodb::serve(listener, self.files.file("dynamodb.db").as_deref())?;
        Ok(url)
    }

    async fn sqs(&self) -> Result<String, Problem> {
        if let Some(url) = self.endpoint("AWS_ENDPOINT_URL_SQS")? {
            return Ok(url);
        }
        let (listener, url) = local().await?;
        let file = self.files.file("sqs.db");
        let (clock, random) = (self.world.clock.clone(), self.world.random.clone());
        let engine = Arc::new(Engine::open(file.as_deref(), clock, random)?);
        serve(listener, sqs::router(engine, url.clone()));
        Ok(url)
    }
}

/// Listens on 127.0.0.1.
pub(crate) async fn listen(port: u16) -> Result<TcpListener, Problem> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}").into())
}

/// A free local port and its URL.
async fn local() -> Result<(TcpListener, String), Problem> {
    let listener = listen(0).await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

fn serve(listener: TcpListener, app: Router) {
    tokio::spawn(async move { axum::serve(listener, app).await });
}
