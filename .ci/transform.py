"""Prints the CloudFormation template that SAM generates. Needs no account and no network."""

import sys

from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse


class NoManagedPolicies:
    """SAM would ask AWS for its managed policies; the template uses none by name."""

    def load(self):
        return {}


with open(sys.argv[1], encoding="utf-8") as file:
    template = SamTemplateValidator(yaml_parse(file.read()), NoManagedPolicies(), region="us-east-1")
print(template.get_translated_template_if_valid())
