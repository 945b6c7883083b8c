"""The files of server/deploy against schemas that are published, and against promises of their own.

The schemas are those of Kubernetes and of the Compose specification, as two packages bring them. Prometheus publishes no
schema of its rules, so their shape is checked here.
"""

import pathlib
import subprocess
import sys
import unittest

import kubernetes_validate
import yaml

DEPLOY, FREE = (pathlib.Path(sys.argv.pop(1)) for _ in range(2))


def documents(name):
    return [one for one in yaml.safe_load_all((DEPLOY / name).read_text()) if one]


def compose_check(path):
    """The check of a file against the schema of the Compose specification."""
    arguments = ["--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run([sys.executable, "-m", "check_jsonschema", *arguments], capture_output=True, text=True)


class Deploy(unittest.TestCase):
    def test_kubernetes_takes_every_object(self):
        objects = documents("kubernetes.yaml")
        kinds = [one["kind"] for one in objects]
        for kind in ["ConfigMap", "Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget"]:
            self.assertIn(kind, kinds)
        for version in ["1.30", "1.37"]:
            for one in objects:
                kubernetes_validate.validate(one, version, strict=True)
        wrong = next(one for one in documents("kubernetes.yaml") if one["kind"] == "Deployment")
        wrong["spec"]["replica"] = 1
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, "1.37", strict=True)

    def test_the_pod_is_restricted_and_has_time_to_stop(self):
        deployment = next(one for one in documents("kubernetes.yaml") if one["kind"] == "Deployment")
        pod = deployment["spec"]["template"]["spec"]
        container = pod["containers"][0]
        self.assertTrue(pod["securityContext"]["runAsNonRoot"])
        self.assertEqual(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault")
        self.assertFalse(container["securityContext"]["allowPrivilegeEscalation"])
        self.assertEqual(container["securityContext"]["capabilities"], {"drop": ["ALL"]})
        self.assertTrue(container["securityContext"]["readOnlyRootFilesystem"])
        self.assertGreater(pod["terminationGracePeriodSeconds"], 45)
        self.assertEqual(container["readinessProbe"]["httpGet"]["path"], "/readyz")
        self.assertEqual(container["livenessProbe"]["httpGet"]["path"], "/healthz")
        ports = {port["name"] for port in container["ports"]}
        for probe in ["readinessProbe", "livenessProbe", "startupProbe"]:
            self.assertIn(container[probe]["httpGet"]["port"], ports)
        labels = deployment["spec"]["template"]["metadata"]["labels"].items()
        for one in documents("kubernetes.yaml"):
            spec = one.get("spec", {})
            chosen = spec.get("podSelector", spec.get("selector", {}))
            self.assertLessEqual(chosen.get("matchLabels", chosen).items(), labels, one["kind"])

    def test_compose_takes_its_file_and_refuses_a_wrong_one(self):
        checked = compose_check(DEPLOY / "compose.yaml")
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        wrong = FREE / "wrong-compose.yaml"
        wrong.write_text((DEPLOY / "compose.yaml").read_text().replace("read_only:", "readonly:"))
        self.assertNotEqual(compose_check(wrong).returncode, 0)
        services = documents("compose.yaml")[0]["services"]
        self.assertTrue(services["tickwire"]["read_only"])
        self.assertNotIn("ports", services["tickwire"], "players come through Caddy alone")
        self.assertEqual(services["caddy"]["depends_on"]["tickwire"]["condition"], "service_healthy")

    def test_every_alert_has_what_prometheus_and_a_person_need(self):
        names = []
        for group in documents("alerts.yaml")[0]["groups"]:
            self.assertEqual(set(group), {"name", "rules"})
            for rule in group["rules"]:
                self.assertLessEqual(set(rule), {"alert", "expr", "for", "labels", "annotations"})
                self.assertTrue(rule["alert"].startswith("Tickwire") and rule["expr"].strip())
                self.assertEqual(rule["expr"].count("("), rule["expr"].count(")"), rule["alert"])
                self.assertIn(rule["labels"]["severity"], ["page", "ticket"])
                self.assertTrue(rule["annotations"]["summary"])
                names.append(rule["alert"])
        self.assertEqual(len(names), len(set(names)))


if __name__ == "__main__":
    unittest.main()
