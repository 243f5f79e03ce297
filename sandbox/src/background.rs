//! What runs by itself in the sandbox: the queue triggers and the schedules.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::activity::Activity;
use crate::aws::lambda::Function;
use crate::aws::schedules::{self, Timetable};
use crate::aws::sqs::engine::Engine;
use crate::aws::triggers::Trigger;
use crate::listener::StartupError;
use crate::template::stack::{ScheduleTarget, Stack};

/// The queues of the stack.
pub(crate) struct Queues {
    pub(crate) client: aws_sdk_sqs::Client,
    /// Their URLs, by name.
    pub(crate) urls: BTreeMap<String, String>,
    /// None if they are not the sandbox's own.
    pub(crate) engine: Option<Arc<Engine>>,
}

/// Starts what runs by itself. It runs until the sandbox stops.
pub(crate) fn run(
    stack: &Stack,
    functions: &BTreeMap<String, Arc<Function>>,
    queues: &Queues,
    timetable: &Arc<Timetable>,
    activity: &Activity,
) -> Result<(), StartupError> {
    for spec in &stack.triggers {
        let (function, url) = (functions.get(&spec.function), queues.urls.get(&spec.queue));
        let (Some(function), Some(queue_url)) = (function.cloned(), url.cloned()) else {
            return Err(format!("a trigger of {} has no queue", spec.function).into());
        };
        let (spec, client, engine) = (spec.clone(), queues.client.clone(), queues.engine.clone());
        let activity = activity.clone();
        Trigger { spec, queue_url, client, function, queues: engine, activity }.run();
    }
    for schedule in &stack.schedules {
        let target = match &schedule.target {
            ScheduleTarget::Queue(queue) => {
                let url = queues.urls.get(queue).ok_or("a schedule has no queue")?;
                let send =
                    queues.client.send_message().queue_url(url).message_body(&schedule.input);
                schedules::Target::Queue(Box::new(send))
            }
            ScheduleTarget::Function(function) => {
                let function = functions.get(function).ok_or("a schedule has no function")?;
                schedules::Target::Function(function.clone())
            }
        };
        timetable.run(schedule, target);
    }
    Ok(())
}
