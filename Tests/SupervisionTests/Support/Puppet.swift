import ControlProtocol
import Foundation
import NIOCore
import NIOPosix

@testable import Supervision

/// A process of its own, whose words are the test's.
///
/// The controller knows a process by the pid that the kernel names for its connection, and kills by that pid; so the other
/// end cannot lie in the test's own process. The puppet dials in to the control socket and to the test, and passes on what
/// each side says. It is written in Perl, which every Debian has.
final class Puppet: Sendable {
    /// The program and its first arguments; those of a zygote follow. It ends itself after two minutes.
    let command: [String]
    private let connections: AsyncStream<ControlPeer>
    private let listener: any Channel

    /// Another connection to both sides.
    static let dialAgain = SIGUSR2
    /// Ends with status 3, after everything said so far was passed on.
    static let exit = SIGUSR1
    /// Ends with status 5 in the same way, as one whose engine's other process is gone.
    static let exitAfterPeer = SIGHUP

    init(in folder: TemporaryFolder) async throws {
        let (connections, continuation) = AsyncStream<ControlPeer>.makeStream(bufferingPolicy: .bufferingOldest(16))
        self.connections = connections
        let path = folder.file("\(UUID().uuidString.prefix(8)).puppet")
        listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { _ = continuation.yield(try ControlPeer(channel)) }
            }
            .bind(unixDomainSocketPath: path).get()
        command = ["/usr/bin/perl", "-e", Self.script, path]
    }

    deinit { listener.close(promise: nil) }

    /// Its next connection, as the controller's counterpart.
    func connection() async throws -> ControlPeer {
        guard let connection = await connections.first(where: { _ in true }) else { throw TestFailure("cancelled") }
        return connection
    }

    private static let script = """
        use strict; use Socket;
        my ($test, $control) = @ARGV[0, 2];
        my (%other, $again, $exit);
        $SIG{USR1} = sub { $exit = 3 };
        $SIG{HUP} = sub { $exit = 5 };
        $SIG{USR2} = sub { $again = 1 };
        $SIG{PIPE} = 'IGNORE';
        alarm 120;
        sub dial {
            socket(my $socket, PF_UNIX, SOCK_STREAM, 0) or exit 90;
            connect($socket, pack_sockaddr_un($_[0])) or exit 91;
            return $socket;
        }
        sub pair {
            my ($there, $here) = (dial($control), dial($test));
            $other{fileno $there} = [$there, $here];
            $other{fileno $here} = [$here, $there];
        }
        pair();
        while (1) {
            if ($again) { $again = 0; pair() }
            my $ready = '';
            vec($ready, $_, 1) = 1 for keys %other;
            my $count = select($ready, undef, undef, $exit ? 0 : 1);
            exit $exit if $exit and $count == 0;
            next if $count <= 0;
            for my $number (keys %other) {
                next unless $other{$number} and vec($ready, $number, 1);
                my ($from, $to) = @{$other{$number}};
                if (sysread($from, my $bytes, 65536)) { syswrite($to, $bytes) }
                else { delete $other{fileno $from}; delete $other{fileno $to}; shutdown($to, 2) }
            }
        }
        """
}
