import Foundation
import NIOCore
import NIOPosix

/// Stands in for a front end, or for the management app: what it answers, and when, is the test's to say.
final class FakeUpstream: Sendable {
    let socketPath: String
    private let connections = Watched<[Wire]>([])
    private let listener: any Channel

    init() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString.prefix(13) + ".sock")
        socketPath = path.path
        listener = try await ServerBootstrap(group: NIOSingletons.posixEventLoopGroup)
            .childChannelInitializer { [connections] channel in
                channel.eventLoop.makeCompletedFuture {
                    let wire = Wire(channel: channel)
                    try channel.pipeline.syncOperations.addHandler(Wire.Reader(wire: wire))
                    connections.update { $0.append(wire) }
                }
            }
            .bind(unixDomainSocketPath: socketPath, cleanupExistingSocketFile: true)
            .get()
    }

    var connectionCount: Int { connections.value.count }

    /// The connection that came as the `number`th, counted from 0.
    func connection(_ number: Int = 0) async throws -> Wire {
        try await connections.wait(for: "connection \(number)") { $0.count > number ? $0[number] : nil }
    }

    /// Ends it all, as a process that is killed.
    func die() async throws {
        try await listener.close()
        for wire in connections.value { try await wire.close() }
    }

    func stop() async {
        try? await die()
        try? FileManager.default.removeItem(atPath: socketPath)
    }
}
