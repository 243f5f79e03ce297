//! The longer texts of the help.

/// The heading of the options that every command has.
pub const GLOBAL: &str = "Global options";

/// Below the options of the tool: where the gateway is found, permissions, exit codes.
pub const AFTER_HELP: &str = "\
Where the gateway is:
  --sandbox URL  a sandbox. Nothing else is needed.
  --stack NAME   a stack of CloudFormation: tables, queues and functions are found in it
                 (cloudformation:ListStackResources).
  neither        the environment names the table of the command (or give --table NAME):
                 PURCHASES_TABLE, TENANTS_TABLE, LIMITS_TABLE, BOOKS_TABLE, EVENTS_TABLE,
                 REQUESTS_TABLE, ACCOUNTS_TABLE, WEBHOOK_ENDPOINTS_TABLE or DISCLOSURES_TABLE,
                 and its queues: REQUERY_QUEUE_URL, FOLLOW_UP_QUEUE_URL, NOTIFY_QUEUE_URL,
                 WEBHOOK_QUEUE_URL.
  An argument comes before TELCO_GATEWAY_SANDBOX and TELCO_GATEWAY_STACK. A variable that names
  another table than the stack is refused.

Credentials and the region are found as by every tool for AWS: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; a profile (--profile, AWS_PROFILE) with keys, a role,
a process or single sign-on (after `aws sso login`); a container's or an instance's role. The
region: --region, AWS_REGION, or the profile's. For what `aws login` keeps, use
  eval \"$(aws configure export-credentials --format env)\"

The credentials need, on the table that a command works on:
  account   dynamodb:GetItem, dynamodb:Scan for --all, dynamodb:UpdateItem and sqs:SendMessage to
            unlink, dynamodb:Query on the index by_account of the requests table to export
  purchase  dynamodb:GetItem; dynamodb:Query on by_tenant and by_state and BatchGetItem to list,
            and Scan on the tenants table without --tenant; sqs:SendMessage to ask;
            dynamodb:UpdateItem to settle and to mask, and sqs:SendMessage to settle;
            dynamodb:Scan to mask, to find a number and to find a refill by the id that MTN knows
            it by; with find --tenant Query on the index by_phone, dynamodb:BatchGetItem, and
            LIMITS_HMAC_KEY, which with --stack is read by secretsmanager:GetSecretValue
  request   dynamodb:GetItem
  events    dynamodb:Query on the index by_time to list, dynamodb:GetItem to show
  dead-letters
            on a queue sqs:GetQueueAttributes, SendMessage; on its dead-letter queue
            sqs:GetQueueAttributes, ReceiveMessage, DeleteMessage, ChangeMessageVisibility,
            StartMessageMoveTask, ListMessageMoveTasks
  tenant    dynamodb:Scan, dynamodb:PutItem to create and rotate, dynamodb:UpdateItem to
            rotate, to revoke and to set limits
  report    dynamodb:GetItem
  wallet    dynamodb:Query, dynamodb:PutItem to note a top-up
  webhook   dynamodb:Query, dynamodb:GetItem, PutItem, UpdateItem, DeleteItem
  guard     dynamodb:GetItem; dynamodb:UpdateItem and sqs:SendMessage to close, open and take back
  disclosures
            dynamodb:Query, also on the index by_account; dynamodb:Scan on TENANTS_TABLE with --key or
            --tenant
With a key of your own (KmsKeyArn) also kms:Decrypt, and kms:GenerateDataKey to write and to send.

Exit codes: 0 done, 1 refused or not found, 2 wrong usage or missing configuration,
3 the store, AWS or the sandbox cannot be reached, or the output could not be written.";

/// Below the options of `doctor`.
pub const DOCTOR: &str = "\
It compares a deployment with the template of this tool's version. It looks at the stack's state;
at the functions: state, pauses, variables, mappings from queues, code; at the secrets; at the
tables: TTL, point-in-time recovery, deletion protection; at the queues: redrive, dead letters; at
the alarms and who hears them; at the schedules; at suspended services, the wallet, and purchases
that wait for a person. It changes nothing and prints no secret. Each finding says what to do, and
the section of docs/runbook.md.

  fault      something does not work, or would be lost
  warning    somebody should act
  unchecked  a call was refused, so this was not looked at
  look       it may be meant so. An old binary is only suspected: a binary does not tell its version
             from outside, so the times of the functions' last changes are compared

The credentials need
  cloudformation:ListStackResources, DescribeStacks; lambda:GetFunction, GetEventSourceMapping;
  secretsmanager:GetSecretValue; dynamodb:DescribeTable, DescribeTimeToLive,
  DescribeContinuousBackups, GetItem, Query, BatchGetItem, and Scan on the tenants table;
  sqs:GetQueueAttributes; sns:ListSubscriptionsByTopic; cloudwatch:DescribeAlarms,
  GetMetricStatistics; scheduler:GetSchedule; with a key of your own also kms:Decrypt.

Examples:
  telco-gateway --stack telco doctor
  telco-gateway --sandbox http://127.0.0.1:9000 doctor --json

Exit codes: 0 nothing to act on, 1 findings, 2 wrong usage, 3 AWS or the sandbox cannot be reached.";

/// Below the options of `purchase`.
pub const PURCHASE: &str = "\
Examples:
  telco-gateway purchase show 0123456789abcdef0123456789abcdef
  telco-gateway purchase list --state needs_review
  telco-gateway purchase list --tenant acme --service mtn-data --from 2026-11-01 --to 2026-11-30
  telco-gateway purchase ask 0123456789abcdef0123456789abcdef
  telco-gateway purchase ask --waiting
  telco-gateway purchase settle 0123456789abcdef0123456789abcdef --to failed \\
      --reason \"VTpass support, ticket 4711: not in their books, not charged\"
  telco-gateway purchase find --phone 08031234567 --tenant acme";

/// Below the options of `account`.
pub const ACCOUNT: &str = "\
Examples:
  telco-gateway account show --tenant acme --all
  telco-gateway account export --tenant acme --account ID > export.jsonl
  telco-gateway account check ID
  telco-gateway account unlink --tenant acme --account ID";

/// Below the options of `events`.
pub const EVENTS: &str = "\
Examples:
  telco-gateway events list acme --type purchase.failed --since 2026-11-29T00:00:00Z
  telco-gateway events show acme 0123456789abcdef0123456789abcdef
  telco-gateway events list @operator";

/// Below the options of `dead-letters`.
pub const DEAD_LETTERS: &str = "\
Examples:
  telco-gateway dead-letters list
  telco-gateway dead-letters show follow-up
  telco-gateway dead-letters redrive follow-up --rate 5";

/// Below the options of `tenant`.
pub const TENANT: &str = "\
Examples:
  telco-gateway tenant create acme --kind live --label \"first app\"
  telco-gateway tenant list acme
  telco-gateway tenant rotate acme --overlap 24
  telco-gateway tenant limit acme --spend 500000000/600,5000000000/86400
  telco-gateway tenant revoke KEY_ID --reason \"left the project\"";

/// Below the options of `webhook`.
pub const WEBHOOK: &str = "\
Examples:
  telco-gateway webhook list acme
  telco-gateway webhook add acme --url https://hooks.example.com/telco --event purchase.delivered
  telco-gateway webhook enable acme ENDPOINT
  telco-gateway webhook add @operator --url https://ops.example.com/telco --event float.low";

/// Below the options of `guard`.
pub const GUARD: &str = "\
Examples:
  telco-gateway guard list
  telco-gateway guard close mtn-data --for 90 --because \"VTpass is maintained until noon\"
  telco-gateway guard automatic mtn-data --because \"back to normal\"";

/// Below the options of `report`.
pub const REPORT: &str = "\
Examples:
  telco-gateway report 2026-11-28
  telco-gateway report 2026-11-28 --tenant acme --format csv";

/// Below the options of `wallet`.
pub const WALLET: &str = "\
Examples:
  telco-gateway wallet show
  telco-gateway wallet top-up 50000000 --note \"transfer 4711\"";

/// Below the options of `disclosures`.
pub const DISCLOSURES: &str = "\
Examples:
  telco-gateway disclosures --key KEY_ID --people
  telco-gateway disclosures --tenant acme --from 2026-11-01 --to 2026-11-28
  telco-gateway disclosures --account ACCOUNT_ID";

/// Below the options of `completions`.
pub const COMPLETIONS: &str = "\
Examples:
  telco-gateway completions bash > ~/.local/share/bash-completion/completions/telco-gateway
  telco-gateway completions fish > ~/.config/fish/completions/telco-gateway.fish
  telco-gateway completions zsh > ~/.zfunc/_telco-gateway";

/// Below the options of `man`.
pub const MAN: &str = "\
Examples:
  telco-gateway man | man -l -
  telco-gateway man --to ~/.local/share/man/man1";
