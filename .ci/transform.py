"""Prints the CloudFormation that SAM makes of a template: no account, no credentials, no network."""

import sys

from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse


class NoManagedPolicies:
    """AWS's managed policies by name would have to be asked for; the template uses none."""

    def load(self):
        return {}


with open(sys.argv[1], encoding="utf-8") as file:
    template = SamTemplateValidator(yaml_parse(file.read()), NoManagedPolicies(), region="us-east-1")
print(template.get_translated_template_if_valid())
