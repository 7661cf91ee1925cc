import Scheduling

// What there is now.

extension ControllerMetrics {
    static func gauges(of scheduler: Scheduler, inFlight: [EngineID: Int]) -> [any Metric] {
        workers(scheduler) + engines(scheduler, inFlight) + models(scheduler) + devices(scheduler)
    }

    private static func workers(_ scheduler: Scheduler) -> [any Metric] {
        var workers = Gauge(
            prefix + "workers", "Workers of the pool, by device and state.", labels: ["device", "state"])
        for device in scheduler.devices {
            for state in ["starting", "idle", "leased", "resetting", "retired"] {
                workers.add(0, device.id.description, state)
            }
        }
        for worker in scheduler.pool.workersInOrder { workers.add(1, worker.device.description, worker.state.word) }
        return [workers]
    }

    private static func engines(_ scheduler: Scheduler, _ inFlight: [EngineID: Int]) -> [any Metric] {
        var engines = Gauge(prefix + "engines", "Engines, by model and state.", labels: ["model", "state"])
        var requests = Gauge(
            prefix + "requests_in_flight", "Requests that an engine has now.", labels: ["engine", "model"])
        for engine in scheduler.engines.values {
            engines.add(1, engine.shownModel, engine.phase.rawValue)
            // What users send to their own engines does not come by here.
            if let count = inFlight[engine.id] { requests.add(count, engine.id.description, engine.shownModel) }
        }
        return [engines, requests]
    }

    private static func models(_ scheduler: Scheduler) -> [any Metric] {
        var templates = Gauge(prefix + "templates", "Templates, by state.", labels: ["state"])
        for state in ["starting", "preparing", "loading", "ready", "failed"] { templates.add(0, state) }
        var waiting = Gauge(prefix + "requests_waiting", "Requests that wait for a model.", labels: ["model"])
        for model in scheduler.models.values {
            if let state = model.templateState { templates.add(1, state) }
            waiting.add(model.waitingCount, model.specification.name)
        }
        return [templates, waiting]
    }

    private static func devices(_ scheduler: Scheduler) -> [any Metric] {
        var total = Gauge(
            prefix + "device_memory_bytes", "What footprints on a device may add up to.", labels: ["device"])
        var used = Gauge(
            prefix + "device_memory_used_bytes", "The footprints of engines and templates on a device.",
            labels: ["device"])
        for device in scheduler.devices {
            total.add(device.memoryBytes, device.id.description)
            used.add(scheduler.usedBytes(device.id), device.id.description)
        }
        var runtimes = Gauge(prefix + "runtime_up", "Whether a runtime can make processes.", labels: ["runtime"])
        for runtime in scheduler.runtimes.values { runtimes.add(runtime.isReady ? 1 : 0, runtime.name.description) }
        return [total, used, runtimes]
    }
}
