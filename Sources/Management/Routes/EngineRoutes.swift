import Hummingbird
import NIOCore
import Scheduling

/// The engines that there are, and those that are made and deleted here.
struct EngineRoutes {
    let controller: any ControllerManaging
    let engines: EngineDescriber

    func add(to router: Router<BasicRequestContext>) {
        router.add(
            "/engines",
            [
                (.get, { _, _ in try await list() }),
                (.post, { request, _ in try await create(request) }),
            ])
        router.add(
            "/engines/{id}",
            [
                (.get, { _, context in try await show(context.decoded("id")) }),
                (.delete, { _, context in try await delete(context.decoded("id")) }),
            ])
        router.add(.post, "/engines/{id}/park") { _, context in
            try await .json(controller.park(context.decoded("id")))
        }
        router.add(.post, "/engines/{id}/workers") { _, context in
            try await .json(controller.load(context.decoded("id")))
        }
        router.add(.get, "/engines/{id}/load_timings") { _, context in
            try await .json(LoadTimingsAnswer(engine: Self.engine(context.decoded("id"), in: controller.status())))
        }
    }

    private func list() async throws -> Response {
        let status = await controller.status()
        return try .json(EngineListAnswer(engines: status.engines.map { engines.describe($0, in: status) }))
    }

    private func show(_ id: String) async throws -> Response {
        let status = await controller.status()
        return try .json(engines.describe(Self.engine(id, in: status), in: status))
    }

    private func create(_ request: Request) async throws -> Response {
        let waits = try Self.waits(request.uri.queryParameters["wait"])
        let body = try await request.body.collect(upTo: BodyLimit.bytes)
        let created = try await controller.create(Array(body.readableBytesView), waits: waits)
        let answer = await engines.describe(created.engine, in: controller.status())
        return try .json(
            CreatedEngineAnswer(engine: answer, warnings: created.warnings), status: waits ? .ok : .accepted)
    }

    private func delete(_ id: String) async throws -> Response {
        let status = await controller.status()
        let engine = try engines.describe(Self.engine(id, in: status), in: status)
        try await controller.delete(id)
        return try .json(DeletedEngineAnswer(id: id, ranks: engine.assignedRanks))
    }

    static func waits(_ text: Substring?) throws -> Bool {
        switch text {
        case nil, "true": return true
        case "false": return false
        case .some(let text):
            throw ControllerError(.badRequest, "\"\(text)\" is neither true nor false.", parameter: "wait")
        }
    }

    private static func engine(_ id: String, in status: ControllerStatus) throws -> EngineStatus {
        guard let engine = status.engines.first(where: { $0.id == id }) else {
            throw ControllerError(.notFound, "There is no engine \"\(id)\"; GET /engines lists those that there are.")
        }
        return engine
    }
}
