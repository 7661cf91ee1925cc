import Crypto
import Foundation
import Scheduling

/// Tells whether a model folder still has the files that it had: another fingerprint means that some file changed.
enum ModelFingerprint {
    /// Files and folders that one model may have, and how deep they may lie; what has more is no model's folder.
    static let mostEntries = 10_000
    static let deepest = 16

    /// SHA-256, in hex, over path, inode, device, size and modification time of every regular file under the folder. Links
    /// are followed, since a hub's snapshot is a folder of links.
    ///
    /// - Parameters:
    ///   - contents: also over all bytes of the files, which takes as long as reading them.
    ///   - isCancelled: asked while contents are read; when true, `CancellationError` is thrown.
    static func compute(_ folder: String, contents: Bool, isCancelled: () -> Bool) throws -> String {
        var walk = Walk(root: folder)
        try walk.enter("", depth: 0)
        var hash = SHA256()
        for (path, status) in walk.files.sorted(by: { $0.path < $1.path }) {
            let modified = status.st_mtim
            let facts = [
                Int(status.st_ino), Int(status.st_dev), Int(status.st_size), modified.tv_sec, modified.tv_nsec,
            ]
            // A path has no zero byte, and so the end of each part is clear.
            hash.update(data: Data("\(path)\0\(facts.map(String.init).joined(separator: " "))\0".utf8))
            if contents {
                let digest = try digest(of: folder + path, isCancelled)
                digest.withUnsafeBytes { hash.update(bufferPointer: $0) }
            }
        }
        return hash.finalize().map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }

    private static func digest(of file: String, _ isCancelled: () -> Bool) throws -> SHA256.Digest {
        guard let handle = FileHandle(forReadingAtPath: file) else {
            throw ControllerError(.startFailed, "\(file) cannot be read. Correct its mode or owner.")
        }
        defer { try? handle.close() }
        var hash = SHA256()
        do {
            while let chunk = try handle.read(upToCount: 4 << 20), !chunk.isEmpty {
                if isCancelled() { throw CancellationError() }
                hash.update(data: chunk)
            }
        } catch let error as CancellationError {
            throw error
        } catch {
            throw ControllerError(.startFailed, "\(file) cannot be read: \(error). Copy the model again.")
        }
        return hash.finalize()
    }

    private struct Walk {
        struct Place: Hashable {
            let device: UInt
            let inode: UInt
        }

        let root: String
        /// By their paths from the root, with a leading slash.
        var files: [(path: String, status: stat)] = []
        private var entered: Set<Place> = []
        private var entries = 0

        init(root: String) { self.root = root }

        mutating func enter(_ folder: String, depth: Int) throws {
            guard depth <= ModelFingerprint.deepest else {
                throw tooMuch("folders more than \(ModelFingerprint.deepest) deep")
            }
            // What nobody may read, the runtime cannot read either.
            guard let names = try? FileManager.default.contentsOfDirectory(atPath: root + folder) else { return }
            for name in names.sorted() {
                entries += 1
                guard entries <= ModelFingerprint.mostEntries else {
                    throw tooMuch("more than \(ModelFingerprint.mostEntries) files")
                }
                let path = "\(folder)/\(name)"
                var status = stat()
                // A link to nothing becomes a file with the file.
                guard stat(root + path, &status) == 0 else { continue }
                switch status.st_mode & S_IFMT {
                case S_IFREG: files.append((path, status))
                case S_IFDIR:
                    // Links may lead back up.
                    let place = Place(device: UInt(status.st_dev), inode: UInt(status.st_ino))
                    if entered.insert(place).inserted { try enter(path, depth: depth + 1) }
                default: continue
                }
            }
        }

        private func tooMuch(_ what: String) -> ControllerError {
            ControllerError(
                .startFailed,
                "The model folder \(root) has \(what), which cannot be watched for changes. Give the model a folder of "
                    + "its own.")
        }
    }
}
