import Hummingbird
import Scheduling

/// What the controller does now: health, engines, workers, runtimes, devices.
struct StatusRoutes {
    let controller: any ControllerManaging
    let engines: EngineDescriber

    private struct RuntimeList: Encodable { let runtimes: [RuntimeStatus] }
    private struct DeviceList: Encodable { let devices: [DeviceStatus] }

    func add(to router: Router<BasicRequestContext>) {
        router.add(.get, "/health") { _, _ in
            let status = await controller.status()
            return try .json(HealthAnswer(status), status: status.isHealthy ? .ok : .serviceUnavailable)
        }
        router.add(.get, "/engines") { _, _ in
            let status = await controller.status()
            return try .json(EngineListAnswer(engines: status.engines.map { engines.describe($0, in: status) }))
        }
        router.add(.get, "/engines/{id}") { _, context in
            let status = await controller.status()
            let engine = try Self.engine(context.decoded("id"), in: status)
            return try .json(engines.describe(engine, in: status))
        }
        router.add(.get, "/engines/{id}/load_timings") { _, context in
            try await .json(LoadTimingsAnswer(engine: Self.engine(context.decoded("id"), in: controller.status())))
        }
        router.add(.get, "/workers") { _, _ in
            let status = await controller.status()
            return try .json(WorkerListAnswer(status, slots: engines.slots.slots(in: status)))
        }
        router.add(.get, "/runtimes") { _, _ in
            try await .json(RuntimeList(runtimes: controller.status().runtimes))
        }
        router.add(.get, "/devices") { _, _ in
            try await .json(DeviceList(devices: controller.status().devices))
        }
    }

    private static func engine(_ id: String, in status: ControllerStatus) throws -> EngineStatus {
        guard let engine = status.engines.first(where: { $0.id == id }) else {
            throw ControllerError(.notFound, "There is no engine \"\(id)\"; GET /engines lists those that there are.")
        }
        return engine
    }
}
