"""What people say of replies: blind review sheets, and how far the reviewers agree."""
