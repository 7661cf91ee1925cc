import Hummingbird
import Scheduling

/// What can be done to models, and the logs of what was done.
struct CommandRoutes {
    let controller: any ControllerManaging
    let engines: EngineDescriber

    func add(to router: Router<BasicRequestContext>) {
        router.add(.post, "/models/{name}/load") { _, context in
            try await load(context.decoded("name"))
        }
        router.add(.post, "/models/{name}/unload") { _, context in
            try await .json(controller.unload(context.decoded("name")))
        }
        router.add(.post, "/models/{name}/sleep") { _, context in
            try await .json(controller.sleep(context.decoded("name")))
        }
        router.add(.post, "/models/{name}/wake") { _, context in
            try await wake(context.decoded("name"))
        }
        router.add(.get, "/logs/{id}") { request, context in
            try await log(of: context.decoded("id"), lines: request.uri.queryParameters["lines"])
        }
    }

    private func load(_ model: String) async throws -> Response {
        try await answer(with: controller.load(model))
    }

    private func wake(_ model: String) async throws -> Response {
        try await answer(with: controller.wake(model))
    }

    private func answer(with engine: EngineStatus) async throws -> Response {
        let status = await controller.status()
        return try .json(engines.describe(engine, in: status))
    }

    // Not in the closure above, and with a line count that throws untyped: Swift 6.3.1's optimiser crashes on a typed throw in
    // an async function here ("While splitting coroutine").
    private func log(of id: String, lines: Substring?) async throws -> Response {
        let count = try Self.lineCount(lines)
        let log = try await controller.log(of: id, lines: count)
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-cache"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: log.map(Self.event).joined())))
    }

    static func lineCount(_ text: Substring?) throws -> Int {
        guard let text else { return 100 }
        guard let count = Int(text), (1...10_000).contains(count) else {
            throw ControllerError(
                .badRequest, "\"\(text)\" is no number of lines; give one from 1 to 10000.", parameter: "lines")
        }
        return count
    }

    /// One line of a log as a server-sent event. A carriage return, as progress bars write it, ends a line of the stream,
    /// so what follows it goes into a `data` line of its own.
    static func event(_ line: String) -> String {
        line.split(omittingEmptySubsequences: false) { $0 == "\r" || $0 == "\n" || $0 == "\r\n" }
            .map { "data: \($0)\n" }.joined() + "\n"
    }
}
