//! What the gateway stands on: stored data, queues, secrets, logs and the AWS template.

mod activity;
mod alarm_conditions;
mod alarms;
mod aws_switches;
mod events;
mod hosts;
mod indexes;
mod process;
mod processes;
mod queue;
mod queued_messages;
mod runtime_api;
mod samples;
mod sandbox;
mod schedules;
mod secrets;
mod stored_items;
mod telemetry;
mod template_limits;
mod template_options;
