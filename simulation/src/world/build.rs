//! Builds the world of a run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::routing::any;
use sandbox::activity::Activity;
use sandbox::aws::api_gateway::{Gateway, handle};
use sandbox::aws::instances::Instances;
use sandbox::aws::lambda::Function;
use sandbox::aws::secrets::{self, Secrets};
use sandbox::aws::sqs::Service as Sqs;
use sandbox::aws::sqs::engine::Engine;
use sandbox::aws::switches::{Change, Switches};
use sandbox::ledger::Ledger;
use sandbox::simulators::mono::{self, MonoSimulator};
use sandbox::simulators::mtn::{self, MtnSimulator};
use sandbox::simulators::vtpass::{self, VtpassSimulator};
use sandbox::template::stack::FunctionSpec;
use shared::domain::api_key::{ApiKey, KeyKind};
use shared::domain::ids::TenantId;
use shared::domain::webhook::{Endpoint, NewEndpoint, Scheme};
use shared::platform::aws;
use shared::platform::aws::clients::Clients;
use shared::platform::breaker::Breakers;
use shared::platform::config::Vars;
use shared::platform::environment::{Clock, CredentialRefusals, Environment, Random};
use shared::platform::http::Http;
use shared::platform::outside::Outside;
use shared::platform::pace::Pace;
use shared::store::{Endpoints, Tenants};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::faults::Faults;
use super::fleet::Fleet;
use super::network::{Caller, Line, Network};
use super::{
    API, Blueprint, DUPLICATES, Dynamodb, Keys, Operator, Routers, World, queues, scheduled,
    true_clock,
};
use crate::record::Record;
use crate::schedule::{Deed, KEPT_DAYS, SPEND_LIMIT, Schedule};

/// How many tenants there are.
pub const TENANTS: usize = 2;
/// Of the template's variables, when clients are built from them.
const COMPLETE: &str = "the variables are complete";

impl World {
    /// Builds the world of `schedule`, with its triggers and its schedule running.
    ///
    /// # Panics
    /// When a part of the sandbox does not start: then nothing can be simulated.
    pub async fn build(blueprint: &Blueprint, schedule: Schedule, record: Record) -> Arc<Self> {
        let network = Network::default();
        let world = Arc::new(Self::parts(blueprint, schedule, record, &network));
        network.connect(&world);
        world.add_tenants(blueprint).await;
        world.add_endpoints(blueprint).await;
        if world.schedule.actions.iter().any(|it| is_of_operator(&it.deed)) {
            let line = network.of(Caller::provider("operator"));
            let outside = environment(&world.clock, &world.random, line);
            let functions = ["requery", "authorizer"].map(|name| function_of(name, blueprint));
            let variables = functions.into_iter().flat_map(|it| it.variables.clone());
            let vars = variables.chain(blueprint.lambda.clone()).collect();
            let operator = Operator::of(&vars, &outside);
            assert!(world.operator.set(operator.expect(COMPLETE)).is_ok(), "there is one operator");
        }
        let functions = world.deploy(blueprint, &network).await;
        let (environment, domain) = (&world.outside, "api.sim".to_owned());
        let activity = Activity::new(environment.clock.clone());
        let gateway = Gateway::new(&blueprint.stack, &functions, domain, environment, &activity);
        let api = axum::Router::new().fallback(any(handle).with_state(gateway));
        assert!(world.routers.api.set(api).is_ok(), "the API is built once");
        for trigger in &blueprint.stack.triggers {
            let function = functions[&trigger.function].clone();
            tokio::spawn(queues::run(world.clone(), trigger.clone(), function));
        }
        tokio::spawn(scheduled::reconcile(world.clone(), functions["reconcile"].clone()));
        if world.schedule.settings.ages {
            tokio::spawn(scheduled::passes(world.clone(), functions["reconcile"].clone()));
        }
        if world.schedule.settings.books {
            tokio::spawn(scheduled::books(world.clone(), functions["books"].clone()));
        }
        world
    }

    fn parts(blueprint: &Blueprint, schedule: Schedule, record: Record, network: &Network) -> Self {
        let begun = Instant::now();
        let clock = true_clock(begun, schedule.starts_at);
        let random = seeded(schedule.seed);
        let environment = |name| environment(&clock, &random, network.of(Caller::provider(name)));
        let switches = Switches::default();
        let on = Change {
            duplicates: Some(schedule.settings.duplicates),
            reorder: Some(schedule.settings.reorder),
            ..Change::default()
        };
        switches.set(&on).expect("the switches have such positions");
        let engine = Engine::open(None, clock.clone(), random.clone(), switches.clone());
        let engine = Arc::new(engine.expect("SQLite opens a database in memory"));
        create_queues(&engine, blueprint);
        let ledger = Arc::new(Ledger::open(None).expect("SQLite opens a database in memory"));
        let secrets = Secrets::default();
        let vtpass = vtpass(&secrets, &ledger, environment("vtpass"));
        let mtn = mtn(&secrets, &ledger, environment("mtn"));
        let mono = mono(&secrets, &ledger, environment("mono"));
        secrets.put("LimitsSecret", "LIMITS_HMAC_KEY", &random.id());
        Self {
            faults: Faults::of(&schedule),
            deployment: Mutex::default(),
            dynamodb: Dynamodb::with_tables(&blueprint.tables, clock.clone()),
            sqs: Sqs { engine, url: Arc::from("http://sqs.sim") },
            queues: blueprint.stack.queues.iter().map(|it| it.name.clone()).collect(),
            routers: Routers {
                secrets: secrets::router(secrets.clone()),
                mono: mono::router(mono.clone()),
                vtpass: vtpass::router(vtpass.clone()),
                mtn: mtn::router(mtn.clone()),
                api: OnceLock::new(),
            },
            secrets,
            keys: Keys::new(TENANTS),
            endpoints: OnceLock::new(),
            operator: OnceLock::new(),
            traffic: OnceLock::new(),
            outside: environment("people"),
            is_safety_phase: true.into(),
            sent: Notify::new(),
            stopped: Notify::new(),
            duplicates_left: DUPLICATES.into(),
            spoiled: Mutex::default(),
            record: Mutex::new(record),
            schedule,
            random,
            clock,
            vtpass,
            mtn,
            mono,
            ledger,
            switches,
            begun,
        }
    }

    async fn add_tenants(&self, blueprint: &Blueprint) {
        let vars = vars_of("authorizer", blueprint);
        let dynamodb = aws::dynamodb(&vars, &self.outside).expect(COMPLETE);
        let tenants = Tenants::from_vars(&vars, &dynamodb).expect(COMPLETE);
        for number in 0..TENANTS {
            let (key, tenant) = (self.keys.used(number), tenant_id(number));
            let key = ApiKey::new(&key, tenant, KeyKind::Test, None, self.clock.now());
            tenants.put(&key).await.expect("nobody disturbs the first writes");
        }
    }

    /// Each tenant has a webhook endpoint, if the schedule says so.
    async fn add_endpoints(&self, blueprint: &Blueprint) {
        let mut made = Vec::new();
        if self.schedule.settings.webhooks {
            let vars = vars_of("notify", blueprint);
            let dynamodb = aws::dynamodb(&vars, &self.outside).expect(COMPLETE);
            let endpoints = Endpoints::from_vars(&vars, &dynamodb);
            let endpoints = endpoints.expect(COMPLETE);
            for number in 0..TENANTS {
                let url = format!("https://receiver.sim/hooks?tenant={number}");
                let new = NewEndpoint { url, events: None, scheme: Scheme::V1 };
                // What a clock that is behind writes at the start is sent, too.
                let begun = self.clock.now() - Duration::from_secs(60);
                let endpoint = Endpoint::new(&tenant_id(number), new, begun, &self.random);
                endpoints.add(&endpoint).await.expect("nobody disturbs the first writes");
                made.push(endpoint);
            }
        }
        assert!(self.endpoints.set(made).is_ok(), "the endpoints are made once");
    }

    async fn deploy(
        &self,
        blueprint: &Blueprint,
        network: &Network,
    ) -> BTreeMap<String, Arc<Function>> {
        const CONCURRENCY: usize = 1_000;
        let mut functions = BTreeMap::new();
        for spec in &blueprint.stack.functions {
            let name = &spec.name;
            let start = blueprint.registry[name].clone();
            let vars = self.changed(spec.variables.clone());
            let vars = vars.into_iter().chain(blueprint.lambda.clone()).collect();
            let fleet = Arc::new(Fleet::new(name, start, vars, network.clone()));
            let (starter, switches) = (fleet.starter(), Switches::default());
            let outside = self.outside.clone();
            let instances = Instances::start(starter, Vars::default(), outside, switches).await;
            let instances = instances.expect("a fleet starts without an instance");
            let concurrency = spec.reserved_concurrency.unwrap_or(CONCURRENCY);
            let random = self.random.clone();
            let function = Function::new(name, spec.timeout, concurrency, random, instances);
            functions.insert(name.clone(), Arc::new(function));
        }
        functions
    }
}

impl World {
    /// The variables of a function as the schedule wants them.
    fn changed(&self, mut vars: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let settings = &self.schedule.settings;
        let mut set = |name: &str, value: String| {
            vars.entry(name.to_owned()).and_modify(|it| *it = value);
        };
        if let Some(limit) = settings.purchase_limit {
            set("LIMIT_PURCHASES", format!("{limit}/60,200000/86400"));
            let (short, long) = SPEND_LIMIT;
            set("SPEND_LIMIT", format!("{short}/600,{long}/86400"));
        }
        // A schedule has few orders, so that usual thresholds would hardly ever be reached. Another digit of
        // the seed says whether books are kept.
        if (self.schedule.seed / 12).is_multiple_of(4) {
            set("GUARD", "bad=2,share=30,row=2".to_owned());
        }
        if settings.ages {
            set("NUMBER_RETENTION_DAYS", KEPT_DAYS.to_string());
            set("DORMANT_DAYS", KEPT_DAYS.to_string());
        }
        vars
    }
}

fn is_of_operator(deed: &Deed) -> bool {
    matches!(deed, Deed::Settle { .. } | Deed::Guess { .. } | Deed::ReplaceKey { .. })
}

/// The environment of people and providers.
fn environment(clock: &Clock, random: &Random, line: Line) -> Environment {
    let line = Arc::new(line);
    Environment {
        clock: clock.clone(),
        random: random.clone(),
        http: Http::in_process(line.clone()),
        outside: Outside::in_process(line),
        aws: Clients::none(),
        credential_refusals: CredentialRefusals::default(),
        breakers: Breakers::default(),
        pace: Pace::default(),
    }
}

/// The variables of a function.
pub(crate) fn vars_of(function: &str, blueprint: &Blueprint) -> Vars {
    function_of(function, blueprint).vars(&blueprint.lambda)
}

fn function_of<'a>(name: &str, blueprint: &'a Blueprint) -> &'a FunctionSpec {
    let spec = blueprint.stack.functions.iter().find(|it| it.name == name);
    spec.expect("the template has the function")
}

/// A tenant's id, by its number.
///
/// # Panics
/// Never: such an id is valid.
pub fn tenant_id(number: usize) -> TenantId {
    TenantId::parse(&format!("tenant-{number}")).expect("a tenant's id may look like this")
}

/// Randomness from a seed, for the world and, because the AWS SDK draws from it, for the thread.
fn seeded(seed: u64) -> Random {
    fastrand::seed(seed ^ 0x5eed);
    let generator = Mutex::new(fastrand::Rng::with_seed(seed));
    Random::from_fn(move |bytes| {
        generator.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fill(bytes);
    })
}

fn create_queues(engine: &Engine, blueprint: &Blueprint) {
    for queue in &blueprint.stack.queues {
        let created = engine.create(&queue.name, &queue.attributes);
        created.expect("the engine takes the template's queue");
    }
}

fn vtpass(
    secrets: &Secrets,
    ledger: &Arc<Ledger>,
    environment: Environment,
) -> Arc<VtpassSimulator> {
    let credentials = vtpass::Credentials::generate(&environment);
    secrets.put("vtpass", "VTPASS_API_KEY", &credentials.api_key);
    secrets.put("vtpass", "VTPASS_PUBLIC_KEY", &credentials.public_key);
    secrets.put("vtpass", "VTPASS_SECRET_KEY", &credentials.secret_key);
    let webhook_url = Some(format!("{API}/callbacks/vtpass"));
    Arc::new(VtpassSimulator::new(credentials, ledger.clone(), environment, webhook_url))
}

fn mtn(secrets: &Secrets, ledger: &Arc<Ledger>, environment: Environment) -> Arc<MtnSimulator> {
    let credentials = mtn::Credentials::generate(&environment);
    secrets.put("mtn", "MTN_API_KEY", &credentials.api_key);
    secrets.put("mtn", "MTN_CLIENT_ID", &credentials.client_id);
    secrets.put("mtn", "MTN_CLIENT_SECRET", &credentials.client_secret);
    Arc::new(MtnSimulator::new(credentials, ledger.clone(), environment))
}

fn mono(secrets: &Secrets, ledger: &Arc<Ledger>, environment: Environment) -> Arc<MonoSimulator> {
    let key = environment.random.id();
    let webhook_secret = environment.random.id();
    secrets.put("mono", "MONO_SECRET_KEY", &key);
    secrets.put("mono", "MONO_WEBHOOK_SECRET", &webhook_secret);
    Arc::new(MonoSimulator {
        key,
        url: "https://mono.sim".to_owned(),
        webhook_url: format!("{API}/callbacks/mono"),
        webhook_secret,
        prints_sms: false,
        ledger: ledger.clone(),
        environment,
    })
}

/// How long a client waits for an answer of the gateway.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(31);
