"""Resources that Kubernetes itself does not know: the fields that their makers document.

KEDA: https://keda.sh/docs/2.18/reference/scaledobject-spec/ and …/scalers/metrics-api/. Google Kubernetes Engine:
https://cloud.google.com/kubernetes-engine/docs/how-to/ingress-configuration, …/how-to/autopilot-compute-classes,
…/concepts/spot-vms and https://cloud.google.com/stackdriver/docs/managed-prometheus/setup-managed. Prometheus
operator: https://prometheus-operator.dev/docs/api-reference/api/.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tests.deploy.applications import PORTS, ROLES, routes
from tests.deploy.manifests import Combination, Rendered

Built = dict[Combination, Rendered]
SPOT = "cloud.google.com/gke-spot"
CLASS = "cloud.google.com/compute-class"


def containing(built: Built, component: str) -> list[Rendered]:
    """Return what was built with a component."""
    found = [content for combination, content in built.items() if component in combination.added]
    assert found
    return found


def of_gke(built: Built) -> list[Rendered]:
    return [content for combination, content in built.items() if combination.overlay.startswith("gke-")]


def test_keda_scales_the_workers_to_the_masters_plan_and_to_zero(all_rendered: Built) -> None:
    for rendered in containing(all_rendered, "autoscale-keda"):
        spec = rendered.one("ScaledObject", "seedcast-worker")["spec"]
        assert spec["scaleTargetRef"] == {
            "name": rendered.one("Deployment", "seedcast-worker")["metadata"]["name"]
        }
        assert spec["minReplicaCount"] == 0
        assert isinstance(spec["maxReplicaCount"], int)
        [most] = [
            one for one in rendered.container("master")["env"] if one["name"] == "SEEDCAST_AUTOSCALE_MAXIMUM"
        ]
        assert most["value"] == str(spec["maxReplicaCount"])
        [trigger] = spec["triggers"]
        assert (trigger["type"], trigger["metricType"]) == ("metrics-api", "AverageValue")
        # With one as the target of the average, the wanted number is the metric itself.
        assert trigger["metadata"]["targetValue"] == "1"
        assert trigger["metadata"]["valueLocation"] == "desired_workers"
        assert all(isinstance(value, str) for value in trigger["metadata"].values())


def test_keda_keeps_the_workers_while_the_master_is_away(all_rendered: Built) -> None:
    for rendered in containing(all_rendered, "autoscale-keda"):
        fallback = rendered.one("ScaledObject", "seedcast-worker")["spec"]["fallback"]
        assert fallback == {"failureThreshold": 3, "replicas": 1, "behavior": "currentReplicasIfHigher"}


def keda_url(rendered: Rendered) -> Any:
    [trigger] = rendered.one("ScaledObject", "seedcast-worker")["spec"]["triggers"]
    return urlsplit(trigger["metadata"]["url"])


def test_keda_asks_the_masters_service(all_rendered: Built) -> None:
    for rendered in containing(all_rendered, "autoscale-keda"):
        service = rendered.one("Service", "seedcast-master")["metadata"]
        url = keda_url(rendered)
        assert url.hostname == f"{service['name']}.{service['namespace']}.svc.cluster.local"
        assert url.port == PORTS["master"]


def test_keda_sends_the_masters_own_token(all_rendered: Built) -> None:
    for rendered in containing(all_rendered, "autoscale-keda"):
        [trigger] = rendered.one("ScaledObject", "seedcast-worker")["spec"]["triggers"]
        assert trigger["metadata"]["authMode"] == "bearer"
        source = rendered.one("TriggerAuthentication", trigger["authenticationRef"]["name"])
        [token] = source["spec"]["secretTargetRef"]
        [variable] = [one for one in rendered.container("master")["env"] if one["name"] == "SEEDCAST_TOKEN"]
        wanted = variable["valueFrom"]["secretKeyRef"]
        assert token == {"parameter": "token", "name": wanted["name"], "key": wanted["key"]}


def test_keda_asks_for_a_route_that_exists(all_rendered: Built) -> None:
    for rendered in containing(all_rendered, "autoscale-keda"):
        assert keda_url(rendered).path in routes("master")


def test_the_cpu_autoscaler_scales_the_workers(all_rendered: Built) -> None:
    for rendered in containing(all_rendered, "autoscale-cpu"):
        spec = rendered.one("HorizontalPodAutoscaler", "seedcast-worker")["spec"]
        target = rendered.one("Deployment", spec["scaleTargetRef"]["name"])
        assert (target["kind"], target["apiVersion"]) == ("Deployment", spec["scaleTargetRef"]["apiVersion"])
        assert "cpu" in rendered.container("worker")["resources"]["requests"]
        assert 1 <= spec["minReplicas"] <= spec["maxReplicas"]


def test_workers_are_on_spot_and_the_master_never(all_rendered: Built) -> None:
    for rendered in of_gke(all_rendered):
        worker, master = rendered.pod("worker")["spec"], rendered.pod("master")["spec"]
        assert worker["nodeSelector"][SPOT] == "true"
        [toleration] = worker["tolerations"]
        assert toleration == {"key": SPOT, "operator": "Equal", "value": "true", "effect": "NoSchedule"}
        affinity = master["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        [term] = affinity["nodeSelectorTerms"]
        assert term["matchExpressions"] == [{"key": SPOT, "operator": "DoesNotExist"}]
        assert SPOT not in master["nodeSelector"]
        assert SPOT not in {one["key"] for one in master["tolerations"]}


def test_autopilot_gives_the_workers_machines_of_one_kind(all_rendered: Built) -> None:
    """Its default class has several kinds, of which a strict experiment uses one."""
    for combination, rendered in all_rendered.items():
        if combination.overlay != "gke-autopilot":
            continue
        selected = rendered.pod("worker")["spec"]["nodeSelector"]
        assert selected == {SPOT: "true", CLASS: "Scale-Out", "kubernetes.io/arch": "amd64"}
        # What Scale-Out has: Autopilot raises less to that.
        requests = rendered.container("worker")["resources"]["requests"]
        assert requests["memory"] == f"{4 * int(requests['cpu'])}Gi"


def test_the_master_copies_to_the_bucket_of_the_settings(all_rendered: Built) -> None:
    for rendered in containing(all_rendered, "gke-bucket"):
        values = {one["name"]: one.get("value") for one in rendered.container("master")["env"]}
        assert values["SEEDCAST_ARTIFACTS"] == "gs://BUCKET/seedcast"
        assert values["SEEDCAST_WORKERS"]
        policy = rendered.one("NetworkPolicy", "seedcast-master-bucket")["spec"]
        assert policy["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "seedcast-master"}


def test_google_scrapes_metrics_that_exist(all_rendered: Built) -> None:
    for rendered in of_gke(all_rendered):
        for role in ROLES:
            spec = rendered.one("PodMonitoring", f"seedcast-{role}")["spec"]
            assert spec["selector"]["matchLabels"].items() <= rendered.pod(role)["metadata"]["labels"].items()
            [endpoint] = spec["endpoints"]
            assert endpoint["port"] in {port["name"] for port in rendered.container(role)["ports"]}
            assert endpoint["path"] in routes(role)


def test_prometheus_scrapes_metrics_that_exist(all_rendered: Built) -> None:
    for rendered in containing(all_rendered, "monitoring-prometheus"):
        spec = rendered.one("ServiceMonitor", "seedcast")["spec"]
        [endpoint] = spec["endpoints"]
        for role in ROLES:
            service = rendered.one("Service", f"seedcast-{role}")
            assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
            assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
            assert endpoint["path"] in routes(role)


def test_the_ingress_serves_https_for_the_master(all_rendered: Built) -> None:
    for rendered in containing(all_rendered, "ingress"):
        ingress = rendered.one("Ingress", "seedcast")
        [rule] = ingress["spec"]["rules"]
        [path] = rule["http"]["paths"]
        assert path["backend"] == {"service": {"name": "seedcast-master", "port": {"name": "http"}}}
        if not rendered.of_kind("ManagedCertificate"):
            assert ingress["spec"]["tls"] == [{"hosts": [rule["host"]], "secretName": "seedcast-tls"}]


def test_an_ingress_names_its_class_in_the_field_and_only_where_it_was_asked_to(all_rendered: Built) -> None:
    for combination, rendered in all_rendered.items():
        for ingress in rendered.of_kind("Ingress"):
            assert "kubernetes.io/ingress.class" not in ingress["metadata"].get("annotations", {})
            expected = "nginx" if "ingress-class" in combination.added else None
            assert ingress["spec"].get("ingressClassName") == expected


def test_a_route_leads_from_the_gateway_of_the_settings_to_the_master(all_rendered: Built) -> None:
    for rendered in containing(all_rendered, "gateway"):
        spec = rendered.one("HTTPRoute", "seedcast")["spec"]
        assert spec["parentRefs"] == [{"name": "public", "namespace": "gateways"}]
        [rule] = spec["rules"]
        [backend] = rule["backendRefs"]
        service = rendered.one("Service", backend["name"])
        assert backend["port"] in {port["port"] for port in service["spec"]["ports"]}


def test_google_lets_in_only_who_is_named(all_rendered: Built) -> None:
    for rendered in containing(all_rendered, "gke-iap"):
        ingress = rendered.one("Ingress", "seedcast")
        notes = ingress["metadata"]["annotations"]
        certificate = rendered.one("ManagedCertificate", notes["networking.gke.io/managed-certificates"])
        assert certificate["spec"]["domains"] == [ingress["spec"]["rules"][0]["host"]]
        assert "tls" not in ingress["spec"]
        assert notes["kubernetes.io/ingress.global-static-ip-name"] == "seedcast"
        frontend = rendered.one("FrontendConfig", notes["networking.gke.io/v1beta1.FrontendConfig"])
        assert frontend["spec"]["redirectToHttps"]["enabled"] is True
        service = rendered.one("Service", "seedcast-master")
        assert service["metadata"]["annotations"]["cloud.google.com/backend-config"] == '{"default": "seedcast"}'
        backend = rendered.one("BackendConfig", "seedcast")["spec"]
        assert backend["iap"]["enabled"] is True
        assert backend["healthCheck"]["requestPath"] in routes("master")
        assert backend["healthCheck"]["port"] == PORTS["master"]
