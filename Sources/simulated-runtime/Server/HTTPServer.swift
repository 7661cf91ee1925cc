import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// The front end's HTTP/1.1 server.
enum HTTPServer {
    /// Listens on the Unix socket (mode 0600), to the end of the process, on an event loop of its own.
    static func listen(_ engine: ServedEngine, path: String) async throws {
        _ = try await ServerBootstrap(group: MultiThreadedEventLoopGroup(numberOfThreads: 1))
            .serverChannelOption(.backlog, value: 1024)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(RequestHandler(engine: engine))
                }
            }
            .bind(unixDomainSocketPath: path).get()
        guard chmod(path, 0o600) == 0 else { throw ArgumentError(message: "\(path): \(errnoText(errno))") }
    }
}
