//! The longer texts of the help.

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
            dynamodb:Query, also on the index by_account; dynamodb:Scan on TENANTS_TABLE with --key, and
            with --tenant without --from
With a key of your own (KmsKeyArn) also kms:Decrypt, and kms:GenerateDataKey to write and to send.

Exit codes: 0 done, 1 refused or not found, 2 wrong usage or missing configuration,
3 the store, AWS or the sandbox cannot be reached, or a new key could not be printed.";

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
