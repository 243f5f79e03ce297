//! The whole telco gateway on one machine.
//!
//! One process stands in for the AWS account and the providers: it reads `template.yaml` for
//! routes, functions, tables and queues, so that what runs here is what would be deployed.

mod console;
pub mod docs;
pub mod dynamodb;
pub mod functions;
pub mod gateway;
pub mod lambda;
pub mod ledger;
mod schedules;
pub mod secrets;
mod services;
pub mod simulators;
pub mod sqs;
pub mod stack;
pub mod template;
mod triggers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::config::StalledStreamProtectionConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use axum::Router;
use shared::aws;
use shared::config::Vars;
use shared::secret::hashed;
use shared::store::{Tenant, Tenants};
use shared::tenant_key::{KeyKind, TenantKey};
use shared::world::World;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::gateway::Gateway;
use crate::lambda::{Function, Registry};
use crate::ledger::Ledger;
use crate::secrets::Secrets;
use crate::services::{Files, Services, Setting, listen};
use crate::simulators::mtn::MtnSimulator;
use crate::stack::{Here, Stack};
use crate::template::Template;

/// The template of this repository.
pub const TEMPLATE: &str = include_str!("../../template.yaml");
/// The API key where `SANDBOX_KEYS` names none.
pub const DEFAULT_KEY: &str = "test_sk_sandbox";
/// Lambda's concurrency where a function reserves none.
const ACCOUNT_CONCURRENCY: usize = 1_000;

/// What went wrong, in words for the person at the console.
pub type Problem = Box<dyn std::error::Error + Send + Sync>;

/// How to start.
pub struct Options {
    /// The template's text.
    pub template: String,
    /// The functions there are.
    pub registry: Registry,
    /// The process's environment.
    pub vars: Vars,
    /// The port of the API on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Where tables, queues and ledgers are kept; in memory without.
    pub data_dir: Option<PathBuf>,
    /// Time, randomness and the network.
    pub world: World,
}

/// A sandbox that runs until it is stopped or its runtime ends.
pub struct Sandbox {
    /// Where the API is.
    pub base_url: String,
    /// The API keys, one caller each.
    pub keys: Vec<String>,
    /// Where DynamoDB is.
    pub dynamodb_url: String,
    /// Where SQS is.
    pub sqs_url: String,
    /// The environment that Lambda itself gives every function.
    pub lambda_vars: BTreeMap<String, String>,
    /// What is deployed.
    pub stack: Arc<Stack>,
    /// The secrets of the simulated account.
    pub secrets: Secrets,
    /// The simulated MTN, unless another was given.
    pub mtn: Option<Arc<MtnSimulator>>,
    /// The functions, by name.
    pub functions: BTreeMap<String, Arc<Function>>,
    stop: watch::Sender<bool>,
    server: tokio::task::JoinHandle<()>,
}

impl Options {
    /// The repository's template and functions in the real world.
    pub fn new(vars: Vars, port: u16, data_dir: Option<PathBuf>) -> Self {
        let (template, registry) = (TEMPLATE.to_owned(), functions::registry());
        Self { template, registry, vars, port, data_dir, world: World::real() }
    }
}

impl Sandbox {
    /// Starts everything and returns once the API answers.
    ///
    /// # Errors
    /// In words: a port in use, a template that cannot be read, a function that does not start.
    pub async fn start(options: Options) -> Result<Self, Problem> {
        let Options { template, registry, vars, port, data_dir, world } = options;
        let listener = listen(port).await?;
        let address = listener.local_addr()?;
        let base_url = format!("http://{address}");
        let files = Files::open(data_dir)?;
        let keys = keys(&vars);
        let ledger = Arc::new(Ledger::open(files.file("simulators.db").as_deref())?);

        let setting = Setting {
            vars: &vars,
            files: &files,
            world: &world,
            ledger: &ledger,
            base_url: &base_url,
        };
        let services = Services::start(&setting).await?;
        let lambda_vars = services.lambda_vars(&vars);
        let template = Template::load(&template, &services.parameters)?;
        let here = Here { sqs_url: services.sqs_url.clone() };
        let stack = Arc::new(Stack::read(&template, &here)?);

        let account: Vars = lambda_vars.clone().into_iter().collect();
        let sqs = aws::sqs(&account, &world)?;
        // A long poll is silent for 20 seconds, and that is no fault.
        let patient = sqs.config().to_builder().timeout_config(TimeoutConfig::disabled());
        let patient = patient.stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        let sqs = aws_sdk_sqs::Client::from_conf(patient.build());
        dynamodb::create_tables(&aws::dynamodb(&account, &world)?, &stack.tables).await?;
        let queue_urls = create_queues(&sqs, &stack).await?;
        add_callers(&stack, &lambda_vars, &keys, &world).await?;

        let functions = deploy(&stack, &registry, &lambda_vars, &world).await?;
        for trigger in &stack.triggers {
            let function = functions.get(&trigger.function);
            let url = queue_urls.get(&trigger.queue);
            let (Some(function), Some(url)) = (function, url) else {
                return Err(format!("a trigger of {} has no queue", trigger.function).into());
            };
            triggers::run(trigger, url, &sqs, function);
        }
        for schedule in &stack.schedules {
            let url = queue_urls.get(&schedule.queue).ok_or("a schedule has no queue")?;
            schedules::run(schedule, url, &sqs, &world.clock);
        }

        let gateway = Arc::new(Gateway {
            routes: stack.routes.clone(),
            authorizer: stack.authorizer.clone(),
            functions: functions.clone(),
            domain: address.to_string(),
            world,
            decisions: gateway::Decisions::default(),
        });
        let (mono, vtpass, mtn) = (services.mono, services.vtpass, services.mtn);
        let console = console::router(
            ledger,
            stack.clone(),
            lambda_vars.clone(),
            functions.clone(),
            mono,
            vtpass,
            mtn.clone(),
        );
        let app = Router::new().nest("/_sandbox", console);
        let app = app.fallback_service(axum::routing::any(gateway::handle).with_state(gateway));
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(serve(listener, app, stopped));
        let Services { dynamodb_url, sqs_url, secrets, .. } = services;
        Ok(Self {
            base_url,
            keys,
            dynamodb_url,
            sqs_url,
            lambda_vars,
            stack,
            secrets,
            mtn,
            functions,
            stop,
            server,
        })
    }

    /// Stops taking requests and lets those under way finish, for a short while.
    pub async fn stop(self) {
        const GRACE: Duration = Duration::from_secs(3);
        let _ = self.stop.send(true);
        let _ = tokio::time::timeout(GRACE, self.server).await;
    }
}

async fn serve(listener: TcpListener, app: Router, mut stopped: watch::Receiver<bool>) {
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let stop = async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stop).await {
        tracing::error!(%error, "the API stopped");
    }
}

fn keys(vars: &Vars) -> Vec<String> {
    let given = vars.optional("SANDBOX_KEYS").unwrap_or(DEFAULT_KEY);
    given.split(',').map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned).collect()
}

async fn create_queues(
    sqs: &aws_sdk_sqs::Client,
    stack: &Stack,
) -> Result<BTreeMap<String, String>, Problem> {
    let mut urls = BTreeMap::new();
    // Dead-letter queues have no redrive policy of their own: they come first.
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

/// One caller for each key, taken as it is: the same key is the same caller after a restart, and
/// opens again if it was revoked.
async fn add_callers(
    stack: &Stack,
    lambda_vars: &BTreeMap<String, String>,
    keys: &[String],
    world: &World,
) -> Result<(), Problem> {
    let Some(authorizer) = &stack.authorizer else { return Ok(()) };
    let spec = stack.functions.iter().find(|it| it.name == authorizer.function);
    let spec = spec.ok_or("the authorizer is no function of the template")?;
    let vars = spec.environment(lambda_vars);
    let tenants = Tenants::from_vars(&vars, &aws::dynamodb(&vars, world)?)?;
    for key in keys {
        let tenant = Tenant::new(&format!("sandbox-{}", &hashed(key)[..12]));
        let tenant = tenant.ok_or("a tenant's id is made of letters and digits")?;
        let key = TenantKey::new(key, tenant, KeyKind::Test, None, world.clock.now());
        tenants.put(&key).await?;
    }
    Ok(())
}

async fn deploy(
    stack: &Stack,
    registry: &Registry,
    lambda_vars: &BTreeMap<String, String>,
    world: &World,
) -> Result<BTreeMap<String, Arc<Function>>, Problem> {
    let mut functions = BTreeMap::new();
    for spec in &stack.functions {
        let name = &spec.name;
        let build = registry
            .get(name)
            .ok_or_else(|| format!("the template's function {name} has no handler"))?;
        let entry = build(spec.environment(lambda_vars), world.clone())
            .await
            .map_err(|error| format!("function {name} does not start: {error}"))?;
        let concurrency = spec.reserved_concurrency.unwrap_or(ACCOUNT_CONCURRENCY);
        let random = world.random.clone();
        let function = Function::new(name, entry, spec.timeout, concurrency, random);
        functions.insert(name.clone(), Arc::new(function));
    }
    Ok(functions)
}
