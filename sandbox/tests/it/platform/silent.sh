#!/bin/sh
# Stands in for a function's binary: says where it would ask for events, and what it was given. Then it waits.
echo "$AWS_LAMBDA_RUNTIME_API $$ $AWS_LAMBDA_FUNCTION_NAME $TOLD$EMPTY$HOME" >>"${0%/*}/started"
exec sleep 1000
