import Logging
import Scheduling
import Supervision

// Carrying out what was decided about engines.

extension WorkerController {
    /// How long a ready engine or template is left alone before its memory is measured: reading it walks all its pages under
    /// the lock that its first requests need.
    static let measureAfter = Duration.seconds(2)

    func inspect(_ engine: EngineID, _ model: String) {
        let inspector = ModelInspector(catalog: catalog, threads: .singleton)
        jobs.start {
            switch await inspector.inspect(model) {
            case .success(let found): await self.feed(.inspected(engine, found))
            case .failure(let error): await self.feed(.inspectionFailed(engine, error))
            case nil: break
            }
        }
    }

    func assign(_ assignment: EngineAssignment) {
        logger.info(
            "engine starting",
            metadata: ["engine.id": "\(assignment.engine)", "model": "\(assignment.model)"])
        remember(assignment)
        guard let serving = catalog.serving(assignment),
            let model = scheduler.models[assignment.model]?.specification
        else { return }
        let id = assignment.engine
        permits[id] = newPermits(for: id, limit: model.concurrency)
        jobs.start { await self.supervisor.assign(assignment, serving) }
    }

    private func remember(_ assignment: EngineAssignment) {
        processesOfEngine[assignment.engine] = [assignment.core, assignment.frontEnd] + assignment.workers
        lastEngine[assignment.model] = assignment.engine
        let kept = Set(lastEngine.values).union(scheduler.engines.keys)
        processesOfEngine = processesOfEngine.filter { kept.contains($0.key) }
    }

    private func newPermits(for id: EngineID, limit: Int) -> EnginePermits {
        EnginePermits(limit: limit) { [jobs] in
            jobs.start { await self.feed(.permitReleased(id)) }
        }
    }

    func measure(_ id: EngineID) {
        let meter = MemoryMeter(supervisor: supervisor)
        jobs.start {
            guard (try? await Task.sleep(for: Self.measureAfter)) != nil, let holding = await self.holding(of: id),
                let bytes = await meter.bytes(of: holding)
            else { return }
            await self.feed(.measured(id, bytes: bytes))
        }
    }

    /// Nil where there is nothing to measure: what processes hold of the host's memory says nothing of another device's.
    private func holding(of id: EngineID) -> MemoryMeter.Holding? {
        guard let engine = scheduler.engines[id], engine.phase == .ready, isCPU(engine.device) else { return nil }
        return MemoryMeter.Holding(
            processes: engine.processes + engine.workers, sharesWeights: scheduler.sharesWeights(engine),
            kvCacheBytes: (engine.kvCacheBytes ?? 0) * max(1, engine.worldSize))
    }

    func isCPU(_ device: DeviceID?) -> Bool { scheduler.devices.contains { $0.id == device && $0.isCPU } }

    // MARK: vLLM's sleep

    func suspend(_ id: EngineID) {
        guard let engine = scheduler.engines[id], let frontEnd = engine.frontEnd else { return }
        logger.info("engine going to sleep", metadata: ["engine.id": "\(id)", "model": "\(engine.model)"])
        jobs.start { await self.supervisor.suspend(id, engine.generation, frontEnd: frontEnd) }
    }

    func resume(_ id: EngineID) {
        guard let engine = scheduler.engines[id], let frontEnd = engine.frontEnd,
            let model = scheduler.models[engine.model]?.specification
        else { return }
        logger.info("engine waking", metadata: ["engine.id": "\(id)", "model": "\(engine.model)"])
        // Those that it had were closed when it was drained, for good.
        permits[id] = newPermits(for: id, limit: model.concurrency)
        jobs.start { await self.supervisor.resume(id, engine.generation, frontEnd: frontEnd) }
    }

    // MARK: Parking

    func park(_ id: EngineID) {
        guard let engine = scheduler.engines[id], let frontEnd = engine.frontEnd else { return }
        logger.info("engine being parked", metadata: ["engine.id": "\(id)", "model": "\(engine.model)"])
        jobs.start { await self.supervisor.park(id, engine.generation, frontEnd: frontEnd) }
    }

    func unpark(_ id: EngineID) {
        guard let engine = scheduler.engines[id], let frontEnd = engine.frontEnd,
            let model = scheduler.models[engine.model]?.specification
        else { return }
        logger.info("engine gets workers again", metadata: ["engine.id": "\(id)", "model": "\(engine.model)"])
        permits[id] = newPermits(for: id, limit: model.concurrency)
        jobs.start {
            await self.supervisor.unpark(id, engine.generation, frontEnd: frontEnd, within: model.startTimeout)
        }
    }

    // MARK: Routes

    func route(to id: EngineID) -> EngineRoute? {
        guard let engine = scheduler.engines[id], engine.phase == .ready, let permits = permits[id] else { return nil }
        return EngineRoute(
            engine: id, generation: engine.generation, socketPath: directory.frontEndSocket(of: id), permits: permits)
    }

    func publishRoutes() {
        permits = permits.filter { scheduler.engines[$0.key] != nil }
        for (id, permits) in permits where scheduler.engines[id]?.phase == .stopping { permits.close() }
        var models: [String: ModelRoute] = [:]
        for record in scheduler.models.values {
            let model = record.specification
            let routes = record.engines.compactMap { self.route(to: $0) }
            for name in [model.name] + model.aliases { models[name] = ModelRoute(model: model.name, engines: routes) }
            // An engine's id is a name of that engine alone: no other answers to it.
            for route in routes {
                models[route.engine.description] = ModelRoute(model: model.name, engines: [route])
            }
        }
        publisher?.publish(RouteSnapshot(models: models))
    }
}
