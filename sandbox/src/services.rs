//! Starts what surrounds the functions: DynamoDB, SQS, Secrets Manager and the simulated providers.
//!
//! The process's environment variables may name a real service or provider instead.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use shared::domain::api_key::KeyKind;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;

use crate::activity::Places;
use crate::aws::secrets::{self, Secrets};
use crate::aws::sqs::engine::Engine;
use crate::aws::switches::Switches;
use crate::aws::{dynamodb, sqs};
use crate::ledger::Ledger;
use crate::listener::{StartupError, listen_anywhere, serve};
use crate::simulators::Simulators;
use crate::simulators::mono::{self, MonoSimulator};
use crate::simulators::mtn::{self, MtnSimulator};
use crate::simulators::vtpass::{self, VtpassSimulator};
use crate::template::REGION;

/// What the services are started from.
struct ServiceConfig<'a> {
    vars: &'a Vars,
    /// Where files are kept; without a directory everything is in memory.
    data_dir: Option<PathBuf>,
    environment: &'a Environment,
    switches: &'a Switches,
    ledger: Arc<Ledger>,
    /// The URL of the gateway's API.
    base_url: &'a str,
}

/// The services of a running sandbox.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) dynamodb_url: String,
    pub(crate) sqs_url: String,
    /// The queues; none if the variables name another SQS.
    pub(crate) queues: Option<Arc<Engine>>,
    pub(crate) secrets_url: String,
    /// The template's parameters.
    pub(crate) parameters: BTreeMap<String, String>,
    /// The secrets that the template names.
    pub(crate) secrets: Secrets,
    /// Where the simulators keep their data.
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) simulators: Simulators,
}

/// Parameters of the template, with the variables that set them.
const PARAMETERS_FROM_VARS: [(&str, &str); 24] = [
    ("ConsentRequiredFields", "CONSENT_REQUIRED_FIELDS"),
    ("DisclosureRetentionDays", "DISCLOSURE_RETENTION_DAYS"),
    ("DormantDays", "DORMANT_DAYS"),
    ("FloatAlarmHours", "FLOAT_ALARM_HOURS"),
    ("FloatAlarmKobo", "FLOAT_ALARM_KOBO"),
    ("Guard", "GUARD"),
    ("LargestOrderKobo", "LARGEST_ORDER_KOBO"),
    ("LimitCalls", "LIMIT_CALLS"),
    ("LimitPurchases", "LIMIT_PURCHASES"),
    ("LimitReads", "LIMIT_READS"),
    ("LimitWithdrawals", "LIMIT_WITHDRAWALS"),
    ("MonoExchangePath", "MONO_EXCHANGE_PATH"),
    ("MtnConsumptionAuth", "MTN_CONSUMPTION_AUTH"),
    ("MtnPlansAuth", "MTN_PLANS_AUTH"),
    ("NumberRetentionDays", "NUMBER_RETENTION_DAYS"),
    ("OtpLimitNumber", "OTP_LIMIT_NUMBER"),
    ("OtpLimitCaller", "OTP_LIMIT_CALLER"),
    ("OtpLimitAddress", "OTP_LIMIT_ADDRESS"),
    ("ReconcileAfterSeconds", "RECONCILE_AFTER_SECONDS"),
    ("RequestDeadlineSeconds", "REQUEST_DEADLINE_SECONDS"),
    ("RequeryScheduleSeconds", "REQUERY_SCHEDULE_SECONDS"),
    ("RequeryPatienceSeconds", "REQUERY_PATIENCE_SECONDS"),
    ("SpendLimit", "SPEND_LIMIT"),
    ("WalletDifferenceKobo", "WALLET_DIFFERENCE_KOBO"),
];
/// Parameters of the template, with the names of the secrets that they name.
const SECRET_NAMES: [(&str, &str); 3] =
    [("MonoSecretName", "mono"), ("VtpassSecretName", "vtpass"), ("MtnSecretName", "mtn")];

impl Services {
    /// Starts all services; `base_url` is the URL of the gateway's API.
    pub(crate) async fn start(
        vars: &Vars,
        data_dir: Option<PathBuf>,
        environment: &Environment,
        switches: &Switches,
        base_url: &str,
    ) -> Result<Self, StartupError> {
        if let Some(path) = &data_dir {
            std::fs::create_dir_all(path)
                .map_err(|error| format!("cannot use {}: {error}", path.display()))?;
        }
        let file = data_dir.as_ref().map(|path| path.join("simulators.db"));
        let ledger = Arc::new(Ledger::open(file.as_deref())?);
        let config = &ServiceConfig { vars, data_dir, environment, switches, ledger, base_url };
        let (listener, secrets_url) = listen_anywhere().await?;
        let secrets = Secrets::default();
        serve(listener, secrets::router(secrets.clone()));
        let (sqs_url, queues) = config.sqs().await?;
        let mut services = Self {
            dynamodb_url: config.dynamodb().await?,
            sqs_url,
            queues,
            secrets_url,
            parameters: BTreeMap::new(),
            secrets,
            ledger: config.ledger.clone(),
            simulators: Simulators::default(),
        };
        services.set_parameter("PublicBaseUrl", config.base_url);
        services.set_parameter("DeploymentKind", KeyKind::Test.as_str());
        for (parameter, variable) in PARAMETERS_FROM_VARS {
            services.set_parameter(parameter, config.vars.optional(variable).unwrap_or_default());
        }
        // The clock can be turned by days, and the calls of these days are not to take as long.
        let calls = vars.optional("REQUERY_CALLS_PER_SECOND").unwrap_or("1000");
        services.set_parameter("RequeryCallsPerSecond", calls);
        for (parameter, secret) in SECRET_NAMES {
            services.set_parameter(parameter, secret);
        }
        let limits = config.generated_secret("LIMITS_HMAC_KEY");
        services.secrets.put("LimitsSecret", "LIMITS_HMAC_KEY", &limits);
        services.mono(config).await?;
        services.vtpass(config).await?;
        services.mtn(config).await?;
        Ok(services)
    }

    /// The variables that Lambda itself sets, and the URLs of the sandbox's services.
    pub(crate) fn lambda_vars(&self, vars: &Vars) -> BTreeMap<String, String> {
        let or = |name, default| vars.optional(name).unwrap_or(default);
        let all = [
            ("AWS_REGION", or("AWS_REGION", REGION)),
            ("AWS_ACCESS_KEY_ID", or("AWS_ACCESS_KEY_ID", "sandbox")),
            ("AWS_SECRET_ACCESS_KEY", or("AWS_SECRET_ACCESS_KEY", "sandbox")),
            ("AWS_SESSION_TOKEN", or("AWS_SESSION_TOKEN", "")),
            ("AWS_ENDPOINT_URL_DYNAMODB", &self.dynamodb_url),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &self.secrets_url),
            ("AWS_ENDPOINT_URL_SQS", &self.sqs_url),
        ];
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    /// Where the services and the providers are.
    pub(crate) fn places(&self) -> Places {
        let providers =
            [("Mono", "MonoBaseUrl"), ("VTpass", "VtpassBaseUrl"), ("MTN", "MtnBaseUrl")];
        let url = |parameter: &str| self.parameters.get(parameter).cloned().unwrap_or_default();
        Places {
            dynamodb: self.dynamodb_url.clone(),
            sqs: self.sqs_url.clone(),
            secrets: self.secrets_url.clone(),
            providers: providers.map(|(name, parameter)| (name, url(parameter))).into(),
        }
    }

    async fn mono(&mut self, config: &ServiceConfig<'_>) -> Result<(), StartupError> {
        if let Some(url) = config.vars.base_url("MONO_BASE_URL")? {
            self.set_parameter("MonoBaseUrl", &url);
            self.put_given("mono", &["MONO_SECRET_KEY"], config.vars)?;
            if let Some(secret) = config.vars.optional("MONO_WEBHOOK_SECRET") {
                self.secrets.put("mono", "MONO_WEBHOOK_SECRET", secret);
            }
            return Ok(());
        }
        let (listener, url) = listen_anywhere().await?;
        let (ledger, environment) = (config.ledger.clone(), config.environment.clone());
        let key = format!("simulated_{}", environment.random.id());
        let webhook_secret = format!("webhook_{}", environment.random.id());
        let webhook_url = format!("{}/callbacks/mono", config.base_url);
        self.set_parameter("MonoBaseUrl", &url);
        self.secrets.put("mono", "MONO_SECRET_KEY", &key);
        self.secrets.put("mono", "MONO_WEBHOOK_SECRET", &webhook_secret);
        let simulator = MonoSimulator {
            key,
            url,
            webhook_url,
            webhook_secret,
            prints_sms: true,
            ledger,
            environment,
        };
        let simulator = Arc::new(simulator);
        serve(listener, self.simulators.faults.mono.before(mono::router(simulator.clone())));
        self.simulators.mono = Some(simulator);
        Ok(())
    }

    async fn vtpass(&mut self, config: &ServiceConfig<'_>) -> Result<(), StartupError> {
        if let Some(url) = config.vars.base_url("VTPASS_BASE_URL")? {
            self.set_parameter("VtpassBaseUrl", &url);
            let names: &[&str] = match config.vars.optional("VTPASS_USERNAME") {
                Some(_) => &["VTPASS_USERNAME", "VTPASS_PASSWORD"],
                None => &["VTPASS_API_KEY", "VTPASS_PUBLIC_KEY", "VTPASS_SECRET_KEY"],
            };
            return Ok(self.put_given("vtpass", names, config.vars)?);
        }
        let (listener, url) = listen_anywhere().await?;
        let (ledger, environment) = (config.ledger.clone(), config.environment.clone());
        let credentials = vtpass::Credentials::generate(&environment);
        self.set_parameter("VtpassBaseUrl", &format!("{url}/api"));
        self.secrets.put("vtpass", "VTPASS_API_KEY", &credentials.api_key);
        self.secrets.put("vtpass", "VTPASS_PUBLIC_KEY", &credentials.public_key);
        self.secrets.put("vtpass", "VTPASS_SECRET_KEY", &credentials.secret_key);
        let webhook_url = Some(format!("{}/callbacks/vtpass", config.base_url));
        let simulator = VtpassSimulator::new(credentials, ledger, environment, webhook_url);
        let simulator = Arc::new(simulator);
        serve(listener, self.simulators.faults.vtpass.before(vtpass::router(simulator.clone())));
        self.simulators.vtpass = Some(simulator);
        Ok(())
    }

    async fn mtn(&mut self, config: &ServiceConfig<'_>) -> Result<(), StartupError> {
        if let Some(url) = config.vars.base_url("MTN_BASE_URL")? {
            self.set_parameter("MtnBaseUrl", &url);
            self.set_parameter("MtnChannelName", config.vars.required("MTN_CHANNEL_NAME")?);
            let names = ["MTN_API_KEY", "MTN_CLIENT_ID", "MTN_CLIENT_SECRET"];
            return Ok(self.put_given("mtn", &names, config.vars)?);
        }
        let (listener, url) = listen_anywhere().await?;
        let (ledger, environment) = (config.ledger.clone(), config.environment.clone());
        let credentials = mtn::Credentials::generate(&environment);
        self.set_parameter("MtnBaseUrl", &url);
        self.set_parameter("MtnChannelName", "sandbox");
        self.secrets.put("mtn", "MTN_API_KEY", &credentials.api_key);
        self.secrets.put("mtn", "MTN_CLIENT_ID", &credentials.client_id);
        self.secrets.put("mtn", "MTN_CLIENT_SECRET", &credentials.client_secret);
        let simulator = Arc::new(MtnSimulator::new(credentials, ledger, environment));
        serve(listener, self.simulators.faults.mtn.before(mtn::router(simulator.clone())));
        self.simulators.mtn = Some(simulator);
        Ok(())
    }

    fn set_parameter(&mut self, parameter: &str, value: &str) {
        self.parameters.insert(parameter.to_owned(), value.to_owned());
    }

    /// Puts the credentials of a real provider, which must all be given, into its secret.
    fn put_given(&self, secret: &str, names: &[&str], vars: &Vars) -> Result<(), ConfigError> {
        for name in names {
            self.secrets.put(secret, name, vars.required(name)?);
        }
        Ok(())
    }
}

impl ServiceConfig<'_> {
    fn file(&self, name: &str) -> Option<PathBuf> {
        self.data_dir.as_ref().map(|path| path.join(name))
    }

    /// A secret that the template generates: made once, then kept with the other data.
    fn generated_secret(&self, name: &str) -> String {
        const SECRETS: &str = "secrets";
        self.ledger.get(SECRETS, name).unwrap_or_else(|| {
            let random = &self.environment.random;
            let secret = format!("{}{}", random.id(), random.id());
            self.ledger.put(SECRETS, name, &secret);
            secret
        })
    }

    /// The URL that the variables name for an AWS service.
    fn endpoint(&self, name: &str) -> Result<Option<String>, ConfigError> {
        match self.vars.base_url(name)? {
            Some(url) => Ok(Some(url)),
            None => self.vars.base_url("AWS_ENDPOINT_URL"),
        }
    }

    async fn dynamodb(&self) -> Result<String, StartupError> {
        if let Some(url) = self.endpoint("AWS_ENDPOINT_URL_DYNAMODB")? {
            return Ok(url);
        }
        let file = self.file("dynamodb.db");
        dynamodb::serve(file.as_deref(), self.environment, self.switches).await
    }

    async fn sqs(&self) -> Result<(String, Option<Arc<Engine>>), StartupError> {
        if let Some(url) = self.endpoint("AWS_ENDPOINT_URL_SQS")? {
            return Ok((url, None));
        }
        let (listener, url) = listen_anywhere().await?;
        let file = self.file("sqs.db");
        let (clock, random) = (self.environment.clock.clone(), self.environment.random.clone());
        let engine = Engine::open(file.as_deref(), clock, random, self.switches.clone())?;
        let engine = Arc::new(engine);
        serve(listener, sqs::router(engine.clone(), url.clone()));
        Ok((url, Some(engine)))
    }
}
