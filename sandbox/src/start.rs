//! Starts the sandbox and stops it: services, tables, queues, functions, triggers, the API and the
//! console.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::config::StalledStreamProtectionConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use axum::Router;
use shared::domain::api_key::{ApiKey, KeyKind};
use shared::domain::ids::TenantId;
use shared::platform::aws;
use shared::platform::config::Vars;
use shared::platform::crypto::hashed;
use shared::platform::environment::Environment;
use shared::platform::outside::Outside;
use shared::store::Tenants;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::activity::{Activity, watched};
use crate::aws::api_gateway::{ApiMetrics, Gateway};
use crate::aws::instances::Instances;
use crate::aws::lambda::{Function, Registry};
use crate::aws::schedules::Timetable;
use crate::aws::secrets::Secrets;
use crate::aws::sqs::QueueMetrics;
use crate::aws::sqs::engine::Engine;
use crate::aws::switches::Switches;
use crate::aws::{api_gateway, dynamodb, processes};
use crate::background::{self, Queues};
use crate::clock::TurnedClock;
use crate::console::{self, Console, Feed, Orders, Receiver, Turner};
use crate::functions;
use crate::listener::{StartupError, guarded, listen};
use crate::services::Services;
use crate::simulators::mtn::MtnSimulator;
use crate::template::stack::Stack;
use crate::template::{SandboxDeployment, Template};

/// The template of this repository.
pub const TEMPLATE: &str = include_str!("../../template.yaml");
/// The API key if `SANDBOX_KEYS` names none.
pub const DEFAULT_KEY: &str = "test_sk_sandbox";
/// Lambda's limit of concurrency for a function that reserves none.
const ACCOUNT_CONCURRENCY: usize = 1_000;

/// How to start the sandbox.
pub struct Options {
    /// The text of the template.
    pub template: String,
    /// All functions that the template may deploy.
    pub registry: Registry,
    /// The process's environment variables.
    pub vars: Vars,
    /// The port of the API on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Where tables, queues and the simulators' data are kept; in memory if none.
    pub data_dir: Option<PathBuf>,
    /// Time, randomness and the network.
    pub environment: Environment,
    /// How many instances of each function take the invocations in turn.
    pub instances: usize,
    /// Where the built functions are, each `NAME/bootstrap`, to run as processes. If none, the registry's run in this
    /// process.
    pub binaries: Option<PathBuf>,
}

/// A running sandbox. It runs until it is stopped or its runtime ends.
pub struct Sandbox {
    /// The URL of the API.
    pub base_url: String,
    /// The API keys; each has a tenant of its own.
    pub keys: Vec<String>,
    /// The URL of DynamoDB.
    pub dynamodb_url: String,
    /// The URL of SQS.
    pub sqs_url: String,
    /// The environment variables that Lambda itself gives every function.
    pub lambda_vars: BTreeMap<String, String>,
    /// What is deployed.
    pub stack: Arc<Stack>,
    /// The secrets of the simulated account.
    pub secrets: Secrets,
    /// The simulated MTN; none if the environment variables name a real one.
    pub mtn: Option<Arc<MtnSimulator>>,
    /// The functions, by name.
    pub functions: BTreeMap<String, Arc<Function>>,
    /// What happened lately.
    pub activity: Activity,
    gateway: Arc<Gateway>,
    queues: Option<Arc<Engine>>,
    stop: watch::Sender<bool>,
    server: tokio::task::JoinHandle<()>,
}

impl Options {
    /// The repository's template and functions with the real clock, randomness and network.
    pub fn new(vars: Vars, port: u16, data_dir: Option<PathBuf>) -> Self {
        let (template, registry) = (TEMPLATE.to_owned(), functions::registry());
        // A tenant's receiver may be on the same machine.
        let environment = Environment { outside: Outside::with_loopback(), ..Environment::real() };
        Self { template, registry, vars, port, data_dir, environment, instances: 1, binaries: None }
    }
}

impl Sandbox {
    /// Starts everything, and returns when the API accepts requests.
    ///
    /// # Errors
    /// When a port is in use, the template cannot be read, an option is out of its range, or a
    /// function does not start.
    pub async fn start(options: Options) -> Result<Self, StartupError> {
        let Options { vars, port, data_dir, environment, instances, .. } = options;
        let clock = TurnedClock::over(environment.clock);
        let environment = Environment { clock: clock.clock(), ..environment };
        let switches = Switches::with_instances(instances)?;
        let listener = listen(port).await?;
        let domain = listener.local_addr()?.to_string();
        let (base_url, keys) = (format!("http://{domain}"), keys(&vars));

        let services = Services::start(&vars, data_dir, &environment, &switches, &base_url).await?;
        let clock = clock.restored(&services.ledger, options.binaries.is_none())?;
        let lambda_vars = services.lambda_vars(&vars);
        let stack = Arc::new(stack(&options.template, &services)?);
        let queues = create(&stack, &services, &lambda_vars, &environment).await?;
        add_tenants(&stack, &lambda_vars, &keys, &environment).await?;
        let activity = Activity::new(environment.clock.clone());
        let places = Arc::new(services.places());
        let watch = |name: &str| watched(&environment, name, &places, &activity);
        let all = registry(options.registry, options.binaries.as_deref());
        let functions = deploy(&stack, &all, &lambda_vars, watch, &switches).await?;
        let timetable = Timetable::new(environment.clock.clone(), activity.clone());
        background::run(&stack, &functions, &queues, &timetable, &activity)?;

        let gateway = Gateway::new(&stack, &functions, domain, &environment, &activity);
        let (stop, stopped) = watch::channel(false);
        let Services { dynamodb_url, sqs_url, secrets, simulators, .. } = services.clone();
        let console = Console {
            base_url: base_url.clone(),
            tenants: keys.iter().map(|key| tenant_of(key)).collect::<Result<_, _>>()?,
            keys: keys.clone(),
            orders: orders(&stack, &lambda_vars, &watch("person"))?,
            receiver: Receiver::new(services.ledger.clone()),
            turner: Turner::new(clock, timetable, services.clone(), &stack, activity.clone()),
            services,
            stack: stack.clone(),
            lambda_vars: lambda_vars.clone(),
            functions: functions.clone(),
            switches,
            feed: Feed { activity: activity.clone(), stopping: stopped.clone() },
        };
        let api = axum::routing::any(api_gateway::handle).with_state(gateway.clone());
        let app = console::router(console).fallback_service(api);
        let server = tokio::spawn(serve(listener, app, stopped));
        Ok(Self {
            base_url,
            keys,
            dynamodb_url,
            sqs_url,
            lambda_vars,
            stack,
            secrets,
            mtn: simulators.mtn,
            functions,
            activity,
            gateway,
            queues: queues.engine,
            stop,
            server,
        })
    }

    /// What CloudWatch would have counted of the API since the start.
    pub fn api_metrics(&self) -> ApiMetrics {
        self.gateway.metrics()
    }

    /// What CloudWatch would show of a queue; none if it is not one of the sandbox's own.
    pub fn queue_metrics(&self, queue: &str) -> Option<QueueMetrics> {
        self.queues.as_ref()?.metrics(queue).ok()
    }

    /// Waits until no message is due or being handled, but no longer than this.
    pub async fn until_at_rest(&self, most: Duration) {
        const PAUSE: Duration = Duration::from_millis(3);
        let Some(queues) = &self.queues else { return };
        let names: Vec<&str> = self.stack.triggers.iter().map(|it| it.queue.as_str()).collect();
        let at_rest = async || {
            while !queues.are_at_rest(&names) {
                tokio::time::sleep(PAUSE).await;
            }
        };
        let _ = tokio::time::timeout(most, at_rest()).await;
    }

    /// How long until a message of a trigger can be received, by the sandbox's clock; none if no message
    /// waits or the queues are not the sandbox's own.
    pub fn next_message_in(&self) -> Option<Duration> {
        let queues = self.queues.as_ref()?;
        let waits = self.stack.triggers.iter().map(|it| queues.next_message_in(&it.queue));
        waits.min().filter(|wait| *wait != Duration::MAX)
    }

    /// Stops accepting requests, and gives running ones three seconds to finish.
    pub async fn stop(self) {
        const GRACE: Duration = Duration::from_secs(3);
        let _ = self.stop.send(true);
        let _ = tokio::time::timeout(GRACE, self.server).await;
    }
}

/// The functions in this process, or those that were built.
fn registry(registry: Registry, binaries: Option<&Path>) -> Registry {
    match binaries {
        Some(folder) => processes::registry(folder, registry.into_keys()),
        None => registry,
    }
}

/// What the template deploys here.
fn stack(template: &str, services: &Services) -> Result<Stack, StartupError> {
    let template = Template::load(template, &services.parameters)?;
    let deployment = SandboxDeployment { sqs_url: services.sqs_url.clone() };
    Ok(Stack::read(&template, &deployment)?)
}

async fn serve(listener: TcpListener, app: Router, mut stopped: watch::Receiver<bool>) {
    let app = guarded(app).into_make_service_with_connect_info::<SocketAddr>();
    let stop = async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stop).await {
        tracing::error!(%error, "the API stopped with an error");
    }
}

/// Creates the tables and the queues of the stack.
async fn create(
    stack: &Stack,
    services: &Services,
    lambda_vars: &BTreeMap<String, String>,
    environment: &Environment,
) -> Result<Queues, StartupError> {
    let account: Vars = lambda_vars.clone().into_iter().collect();
    dynamodb::create_tables(&aws::dynamodb(&account, environment)?, &stack.tables).await?;
    let client = sqs_client(&account, environment)?;
    let urls = create_queues(&client, stack).await?;
    Ok(Queues { client, urls, engine: services.queues.clone() })
}

/// A client of SQS that waits for as long as a long poll takes.
fn sqs_client(
    account: &Vars,
    environment: &Environment,
) -> Result<aws_sdk_sqs::Client, StartupError> {
    let config = aws::sqs(account, environment)?.config().to_builder();
    let config = config.timeout_config(TimeoutConfig::disabled());
    let config = config.stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    Ok(aws_sdk_sqs::Client::from_conf(config.build()))
}

fn keys(vars: &Vars) -> Vec<String> {
    let given = vars.optional("SANDBOX_KEYS").unwrap_or(DEFAULT_KEY);
    given.split(',').map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned).collect()
}

async fn create_queues(
    sqs: &aws_sdk_sqs::Client,
    stack: &Stack,
) -> Result<BTreeMap<String, String>, StartupError> {
    let mut urls = BTreeMap::new();
    // Dead-letter queues have no redrive policy: they are created first.
    let mut queues: Vec<_> = stack.queues.iter().collect();
    queues.sort_by_key(|queue| queue.attributes.contains_key("RedrivePolicy"));
    for queue in queues {
        let mut create = sqs.create_queue().queue_name(&queue.name);
        for (name, value) in &queue.attributes {
            create = create.attributes(name.as_str().into(), value);
        }
        let url = create.send().await?.queue_url.unwrap_or_default();
        urls.insert(queue.name.clone(), url);
    }
    Ok(urls)
}

/// Adds a tenant for each key. The tenant's id comes from the key, so the same key has the same
/// tenant after a restart; a key that was revoked is valid again.
async fn add_tenants(
    stack: &Stack,
    lambda_vars: &BTreeMap<String, String>,
    keys: &[String],
    environment: &Environment,
) -> Result<(), StartupError> {
    let Some(authorizer) = &stack.authorizer else { return Ok(()) };
    let spec = stack.functions.iter().find(|it| it.name == authorizer.function);
    let spec = spec.ok_or("the authorizer is not a function of the template")?;
    let vars = spec.vars(lambda_vars);
    let tenants = Tenants::from_vars(&vars, &aws::dynamodb(&vars, environment)?)?;
    for key in keys {
        let key = ApiKey::new(key, tenant_of(key)?, KeyKind::Test, None, environment.clock.now());
        tenants.put(&key).await?;
    }
    Ok(())
}

fn tenant_of(key: &str) -> Result<TenantId, StartupError> {
    let tenant = TenantId::parse(&format!("sandbox-{}", &hashed(key)[..12]));
    Ok(tenant.ok_or("the tenant's id is not valid")?)
}

/// The purchases, if the template has the function that sells them.
fn orders(
    stack: &Stack,
    lambda_vars: &BTreeMap<String, String>,
    environment: &Environment,
) -> Result<Option<Orders>, StartupError> {
    let seller = stack.functions.iter().find(|it| it.name == "purchase");
    seller.map(|it| Orders::open(&it.vars(lambda_vars), environment)).transpose()
}

async fn deploy(
    stack: &Stack,
    registry: &Registry,
    lambda_vars: &BTreeMap<String, String>,
    environment: impl Fn(&str) -> Environment,
    switches: &Switches,
) -> Result<BTreeMap<String, Arc<Function>>, StartupError> {
    let mut functions = BTreeMap::new();
    for spec in &stack.functions {
        let name = &spec.name;
        let build = registry
            .get(name)
            .ok_or_else(|| format!("the template's function {name} has no handler"))?;
        let (build, vars) = (build.clone(), spec.vars(lambda_vars));
        let environment = environment(name);
        let random = environment.random.clone();
        let instances = Instances::start(build, vars, environment, switches.clone())
            .await
            .map_err(|error| format!("function {name} does not start: {error}"))?;
        let concurrency = spec.reserved_concurrency.unwrap_or(ACCOUNT_CONCURRENCY);
        let function = Function::new(name, spec.timeout, concurrency, random, instances);
        functions.insert(name.clone(), Arc::new(function));
    }
    Ok(functions)
}
