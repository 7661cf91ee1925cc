import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

@testable import worker_controller

/// An HTTP server on a free port that gives one answer to everything, for the time of one test.
struct CannedServer {
    /// The pieces of its body, each sent by itself.
    var pieces: [String]
    var status: HTTPResponse.Status = .ok
    var headers: HTTPFields = [.contentType: "text/event-stream"]

    struct Received: Sendable {
        let path: String
        let body: String
    }

    /// - Returns: the last request that came.
    func with(_ body: (ControllerAddress) async throws -> Void) async throws -> Received? {
        let received = Mutex<Received?>(nil)
        let (ports, found) = AsyncStream<Int>.makeStream()
        let router = Router()
        router.post("**") { [self] request, _ in
            let text = String(buffer: try await request.body.collect(upTo: 1 << 20))
            received.withLock { $0 = Received(path: request.uri.path, body: text) }
            return Response(
                status: status, headers: headers,
                body: ResponseBody { writer in
                    for piece in pieces { try await writer.write(ByteBuffer(string: piece)) }
                    try await writer.finish(nil)
                })
        }
        let application = Application(
            router: router, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in found.yield(channel.localAddress?.port ?? 0) }, logger: RunningAPI.quiet)
        let group = ServiceGroup(services: [application], logger: RunningAPI.quiet)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { found.finish() }
                try await group.run()
            }
            for await port in ports {
                let address = ControllerAddress(argument: "127.0.0.1:\(port)") ?? .standard
                do { try await body(address) } catch {
                    tasks.cancelAll()
                    throw error
                }
                break
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        return received.withLock { $0 }
    }
}
