import Logging
import NIOPosix
import Scheduling
import Supervision
import Synchronization

// Carrying out what was decided about engines.

extension WorkerController {
    /// How long a ready engine or template is left alone before its memory is measured: reading it walks all its pages under
    /// the lock that its first requests need.
    static let measureAfter = Duration.seconds(2)

    func inspect(_ engine: EngineID, _ model: String) {
        inspect(model, { .inspected(engine, $0) }, orElse: { .inspectionFailed(engine, $0) })
    }

    /// Looks at a model's folder and says what came of it.
    func inspect(
        _ model: String, _ found: @escaping @Sendable (ModelInspection) -> SchedulerEvent,
        orElse failed: @escaping @Sendable (ControllerError) -> SchedulerEvent
    ) {
        let catalog = catalog
        jobs.start {
            let event: SchedulerEvent
            do {
                event = found(try await Self.inspect(model, in: catalog))
            } catch let error as ControllerError {
                event = failed(error)
            } catch is CancellationError {
                // The controller is ending: nobody waits for it.
                return
            } catch {
                event = failed(ControllerError(.startFailed, "'\(model)' cannot be read: \(error)"))
            }
            await self.feed(event)
        }
    }

    /// On a thread that may block: a file system may hang, and reading all of a model takes long.
    private static func inspect(_ model: String, in catalog: ModelCatalog) async throws -> ModelInspection {
        let cancellation = Cancellation()
        return try await withTaskCancellationHandler {
            try await NIOThreadPool.singleton.runIfActive {
                try catalog.inspect(model) { cancellation.isWanted.load(ordering: .relaxed) }
            }
        } onCancel: {
            cancellation.isWanted.store(true, ordering: .relaxed)
        }
    }

    private final class Cancellation: Sendable {
        let isWanted = Atomic<Bool>(false)
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
        processesOfEngine[assignment.engine] = [assignment.core, assignment.frontEnd]
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
            processes: engine.processes, sharesWeights: engine.startTier == .asleep,
            kvCacheBytes: engine.kvCacheBytes ?? 0)
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
            let engine = record.engine.flatMap { self.route(to: $0) }
            let modelRoute = ModelRoute(model: model.name, engines: engine.map { [$0] } ?? [])
            var names = [model.name] + model.aliases
            if let engine { names.append(engine.engine.description) }
            for name in names { models[name] = modelRoute }
        }
        publisher?.publish(RouteSnapshot(models: models))
    }
}
